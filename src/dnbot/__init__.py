"""dnbot: delta-neutral arbitrage between spot and perpetual markets.

How to read this code: one room after the other, in this order. A module imports only from rooms that come before
its own, so whatever you open, you have already read what it stands on. `import-linter` keeps it so.

1. `domain`     words: frozen values and their arithmetic. No await, no clock, no I/O.
2. `fleet`      whose task is it: leases, shares and the life of a task. Pure as well.
3. `strategy`   decisions: pure functions from words to words. Start with `states.py`, then `machine.py`.
4. `monitor`    judgements: the figures of one moment become alerts. Pure as well.
5. `venues`     wire: codecs between bytes and words, one folder per exchange. They open nothing.
6. `ports`      the only modules that touch the world; each hides one library.
7. `config`     a TOML file and the environment become frozen structs.
8. `metrics`    figures: histograms, stage times, counts, and the text and page that tell them.
9. `tasks`      each is one async function with one inbox, the same for all venues.
10. `bot`       the root nursery, in which the tasks live and end in order.
11. `record`    the public streams in files: the bot's feeds with taps, a writer, a reader.
12. `operate`   what people and machines hold: they read a view and send a control, nothing else.
13. `web`       the same in a browser: it reads what `operate` reads, and commands by the same function.
14. `lab`       where the bot meets the fake exchanges: simulation and drills.
15. `research`  the bot on recorded markets: backtests.
16. `testing`   the fakes as a harness for other people's tests: a pytest plugin and what stands behind it.
17. `cli`       the command.

Two stand apart. `fakes` is another world with the same wire: it imports nothing from dnbot, so that one mistake
cannot hide in both. `resources` finds the files that are not code.
"""

__version__ = "0.1.0"
