"""The dashboard: what a run shows and lets people command, in a browser. Read `dashboard.py` first, then `guard.py`."""
