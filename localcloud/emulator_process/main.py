"""Runs the emulator behind its door, and keeps its data; runs in the emulator's own environment.

What happens in it, it reports to its parent: on its standard output, a line of JSON for each event.

It stops when it is told to, or when what started it is gone: its standard input is a pipe whose
other end its parent holds, and which closes however the parent ends.
"""

import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import ministack.app  # type: ignore[import-not-found]  # is in the emulator's environment
from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from localcloud.emulator_process.door import Report, behind_door
from localcloud.emulator_process.durability import durable
from localcloud.emulator_process.state import replace

_WAITING_EVENTS: Final = 1_000


def main(api_id: str) -> None:
    """Serve until the end; api_id is the API that the door leads to.

    The key that opens the door comes in the environment, which no other user can read. As the
    session token there, it is also what the emulator gives to the functions that it runs.
    """
    key = os.environ["AWS_SESSION_TOKEN"]
    _make_credentials_unpredictable(key)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    report = _start_reporting()
    _report_invocations(report)
    app = ministack.app.app
    if ministack.app.PERSIST_STATE:
        app = durable(app, Path(os.environ["STATE_DIR"]))
    ministack.app.app = behind_door(
        app, report, port=os.environ["GATEWAY_PORT"], api_id=api_id, key=key
    )
    ministack.app.main()


def _make_credentials_unpredictable(key: str) -> None:
    """Have nobody compute a function's credentials where IAM is enforced.

    There, the emulator derives them from the names of the function and its role.
    """
    derive = lambda_runtime.execution_credentials

    def derive_with_key(config: dict[str, Any]) -> dict[str, str]:
        secret_name = f"{config['FunctionArn']}:{key}"
        credentials: dict[str, str] = derive({**config, "FunctionArn": secret_name})
        return credentials

    replace(lambda_runtime, "execution_credentials", value=derive_with_key)


def _stop_with_parent() -> None:
    os.read(0, 1)  # returns when the pipe closes; nothing is ever written to it
    os.kill(os.getpid(), signal.SIGTERM)


def _start_reporting() -> Report:
    events: queue.Queue[dict[str, Any]] = queue.Queue(_WAITING_EVENTS)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the emulator prints is for its log

    def write() -> None:
        while True:
            output.write(json.dumps(events.get()) + "\n")
            output.flush()

    def report(event: dict[str, Any]) -> None:
        # A parent that doesn't read, at a terminal that is held, must not hold up the cloud.
        with suppress(queue.Full):
            events.put_nowait(event)

    threading.Thread(target=write, daemon=True).start()
    return report


def _report_invocations(report: Report) -> None:
    """Report what a function logged, and how it failed.

    From where the emulator has both: its log groups don't have the failure of a start.
    """
    invoke = lambda_svc._execute_function_dispatch

    def reported(*arguments: Any) -> dict[str, Any]:
        result: dict[str, Any] = invoke(*arguments)
        error = result["body"].get("errorMessage") if result.get("error") else None
        report({"log": result.get("log", ""), "error": error})
        return result

    replace(lambda_svc, "_execute_function_dispatch", value=reported)
