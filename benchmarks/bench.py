"""The targets of `./dnbot bench`, each beside what it is compared with: see `suite/runner.py`."""

from __future__ import annotations

import sys

from suite.runner import main

if __name__ == "__main__":
    sys.exit(main())
