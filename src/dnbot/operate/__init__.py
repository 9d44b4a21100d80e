"""SURFACES: what people and machines hold. They read the View and send Control, nothing else."""
