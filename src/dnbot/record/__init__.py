"""RECORD: what the venues sent, kept as it came: a recorder, its files, and what reads them.

Read `words.py`, then `reading.py` (for whoever uses recordings), then `recorder.py`.
"""
