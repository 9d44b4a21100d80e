"""Who runs what: life cycle, leases, restarts and sharing out, as pure functions. No await, no clock, no I/O."""
