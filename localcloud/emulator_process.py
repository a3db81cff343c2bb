"""Runs the emulator behind its door, and keeps its data; runs in the emulator's own environment.

It stops when it is told to, or when what started it is gone: its standard input is a pipe whose
other end its parent holds, and which closes however the parent ends.
"""

import os
import signal
import threading
from pathlib import Path

import ministack.app  # type: ignore[import-not-found]  # is in the emulator's environment

from localcloud.door import behind_door
from localcloud.durability import durable


def main(api_id: str) -> None:
    """Serve until the end; api_id is the API that the door leads to."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    app = ministack.app.app
    if ministack.app.PERSIST_STATE:
        app = durable(app, Path(os.environ["STATE_DIR"]))
    ministack.app.app = behind_door(app, port=os.environ["GATEWAY_PORT"], api_id=api_id)
    ministack.app.main()


def _stop_with_parent() -> None:
    os.read(0, 1)  # returns when the pipe closes; nothing is ever written to it
    os.kill(os.getpid(), signal.SIGTERM)
