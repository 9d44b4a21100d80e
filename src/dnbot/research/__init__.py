"""Recorded markets and the whole bot on them: backtests, and what is needed to believe them.

Beside it, `analysis/`: questions to the store of a bot that ran.

Start with `backtest.py`; `source.py` says what a recording has to offer, and `mapping.py` which venue shows which part
of it. Nothing here knows how the bot decides: it meets the bot on the wire, as a venue does.
"""
