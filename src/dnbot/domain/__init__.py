"""WORDS: frozen values and their arithmetic. No await, no clock, no I/O."""
