"""`python -m dnbot` is the `dnbot` command."""

from dnbot.cli import main

if __name__ == "__main__":
    main()
