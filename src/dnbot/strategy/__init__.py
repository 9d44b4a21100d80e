"""DECISIONS: pure functions of words, values in and values out. Nothing here can block."""
