"""Slows the clock of a process that runs under valgrind, which imports this at its start.

So no client's timeout ends a request that only takes long because it is measured.
"""

import sys
import time
from pathlib import Path

_FACTOR = 100

_clock = time.monotonic
time.monotonic = lambda: _clock() / _FACTOR
sys.path.remove(str(Path(__file__).parent))  # imports search the same folders as ever
