"""Recorded markets and the whole bot on them: backtests, and what is needed to believe them.

Beside it, `analysis/`: questions to the store of a bot that ran.

Start with `backtest.py`; `source.py` says what a recording has to offer, and `mapping.py` which venue shows which part
of it. Nothing of a backtest knows how the bot decides: it meets the bot on the wire, as a venue does.

The study (`study.py`) is the other kind: years of bars, on which the bot's decisions and its ledger are called as the
pure functions that they are, without wire, clock or tasks.
"""
