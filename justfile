# Short names for ./dnbot, which needs no just. Anything here can be run without it.

# list the recipes
default:
    @just --list

# any dnbot command: just run --help
run *args:
    ./dnbot {{args}}

# the test suite: just test tests/domain
test *args:
    ./dnbot test {{args}}

# every static check
lint:
    ./dnbot lint

# the fake exchanges on loopback sockets
fakes *args:
    ./dnbot fakes {{args}}

# what a change must pass
ci:
    .ci/run
