"""Runs the emulator until it is told to stop, or until what started it is gone.

Runs in the emulator's own environment. Its standard input is a pipe whose other end its parent
holds: the pipe closes however the parent ends, and then the emulator stops as if it were told to,
which is when it saves its data.
"""

import os
import runpy
import signal
import threading


def _stop_with_parent() -> None:
    os.read(0, 1)  # returns when the pipe closes; nothing is ever written to it
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")
