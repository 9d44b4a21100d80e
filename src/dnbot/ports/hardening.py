"""A process that holds keys keeps its memory to itself. Sources: core(5), prctl(2) under PR_SET_DUMPABLE, proc(5).

Python cannot wipe memory, and the environment with which a process was started stays readable under /proc even after
a variable is deleted. What can be done: no core dump, and no other process of the same user may look inside.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import MutableMapping

_PR_SET_DUMPABLE = 4
_WRITES_KEYS_OF_TLS = "SSLKEYLOGFILE"
"""OpenSSL in Python writes every session's keys to the file that this variable names, as debuggers of TLS want it."""


def keep_to_itself(environment: MutableMapping[str, str] = os.environ) -> bool:
    """No core dump of this process and its children, no look into its memory, no file with the keys of its TLS.

    Returns whether the kernel keeps other processes of this user out, which Linux alone can be asked for. Root still
    looks in. A child that starts another program can be looked into again.
    """
    environment.pop(_WRITES_KEYS_OF_TLS, None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
