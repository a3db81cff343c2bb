"""Runs the emulator behind its door, in the emulator's own environment.

Each request and each invocation is reported to the parent: a line of JSON on the standard output.

The emulator stops when it is told to, or when its parent is gone: its standard input is a pipe
whose other end the parent holds, and which closes however the parent ends.

The emulator is pinned with a hash and has no interface for what is changed here: _replace() fails
at the start when another version lacks a name.
"""

import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from typing import Any, Final

import ministack.app  # type: ignore[import-not-found]  # is in the emulator's environment
from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from localcloud.emulator_process.door import Report, behind_door

_WAITING_EVENTS: Final = 1_000


def main(api_id: str) -> None:
    """Serve until told to stop.

    The key that opens the door comes in the environment, which no other user can read. As the
    session token there, it is also what the emulator gives to the functions that it runs.

    Args:
        api_id: The API that the door leads to.
    """
    key = os.environ["AWS_SESSION_TOKEN"]
    _make_credentials_unpredictable(key)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    report = _start_reporting()
    _report_invocations(report)
    ministack.app.app = behind_door(
        ministack.app.app, report, port=os.environ["GATEWAY_PORT"], api_id=api_id, key=key
    )
    ministack.app.main()


def _make_credentials_unpredictable(key: str) -> None:
    """Derive a function's credentials from the key, too, which nobody else knows.

    The emulator derives them from the names of the function and its role, where IAM is enforced.
    """
    derive = lambda_runtime.execution_credentials

    def derive_with_key(config: dict[str, Any]) -> dict[str, str]:
        secret_name = f"{config['FunctionArn']}:{key}"
        credentials: dict[str, str] = derive({**config, "FunctionArn": secret_name})
        return credentials

    _replace(lambda_runtime, "execution_credentials", value=derive_with_key)


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
    """Report what a function logged and how it failed, at the one place that has both.

    The log groups lack the error of a function that fails to start.
    """
    invoke = lambda_svc._execute_function_dispatch

    def reported(*arguments: Any) -> dict[str, Any]:
        result: dict[str, Any] = invoke(*arguments)
        error = result["body"].get("errorMessage") if result.get("error") else None
        report({"log": result.get("log", ""), "error": error})
        return result

    _replace(lambda_svc, "_execute_function_dispatch", value=reported)


def _replace(module: Any, name: str, *, value: object) -> None:
    getattr(module, name)  # raises if this version has no such name
    setattr(module, name, value)
