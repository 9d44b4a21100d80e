"""WIRE: sans-I/O codecs between bytes and words. The time and the key are arguments."""
