"""One file per target: what is measured, what it is measured beside, and what it has to reach.

`target.py`, `figures.py` and `table.py` are arithmetic and text; `measuring.py` runs contenders in turn; `runner.py` is
the command. Everything else measures. What needs a process of its own (peers that own global state, servers) is a
function that `children.py` starts by name.
"""
