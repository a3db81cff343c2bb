"""Lambda's Runtime API, from which a function gets events and to which it sends responses.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from benchmarks.runtime.servers import Handler, Server

_PREFIX: Final = "/2018-06-01/runtime"
_TIMEOUT_MS: Final = 20_000
_ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:benchmark:live"


class FunctionFailed(Exception):
    """The function ended, failed, or took too long."""


class Result(NamedTuple):
    """What a function responded, and the seconds from when the event was sent."""

    response: dict[str, Any]
    seconds: float


class RuntimeAPI:
    """Serves one function. `address` is what AWS_LAMBDA_RUNTIME_API must hold."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # What the function did, with what body, and when.
        self._seen: queue.SimpleQueue[tuple[str, bytes, float]] = queue.SimpleQueue()
        self._sent = 0.0
        self._server = Server(self._respond)
        self.address = f"127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator["RuntimeAPI"]:
        """Serve for as long as it is entered."""
        with self._server.serving():
            try:
                yield self
            finally:
                self._events.put(None)

    def await_next(self, is_alive: Callable[[], bool], seconds: float) -> float:
        """Wait until the function asks for an event; return the clock at that time.

        Raises:
            FunctionFailed: It did something else, or nothing within the seconds.
        """
        _, at = self._await("next", is_alive, seconds)
        return at

    def invoke(
        self, event: dict[str, Any], is_alive: Callable[[], bool], seconds: float = 60
    ) -> Result:
        """Return the response to an event, once the function asks for the next event."""
        self._events.put(json.dumps(event, separators=(",", ":")).encode())
        body, at = self._await("response", is_alive, seconds)
        result = Result(json.loads(body), at - self._sent)
        self._await("next", is_alive, seconds)
        return result

    def _await(
        self, what: str, is_alive: Callable[[], bool], seconds: float
    ) -> tuple[bytes, float]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                seen, body, at = self._seen.get(timeout=0.5)
            except queue.Empty:
                if not is_alive():
                    raise FunctionFailed("The function's process has ended.") from None
                continue
            if seen == what:
                return body, at
            raise FunctionFailed(f"{seen} came, not {what}: {body.decode(errors='replace')}")
        raise FunctionFailed(f"No {what} after {seconds:.0f} s.")

    def _respond(self, handler: Handler) -> None:
        if handler.command == "POST":
            body = handler.body()
            kind = {
                "response": "response",
                "error": "init error" if handler.path == f"{_PREFIX}/init/error" else "error",
            }.get(handler.path.rpartition("/")[2], "unknown call")
            if handler.headers.get("Transfer-Encoding"):
                kind = "a streamed response"
            self._seen.put((kind, body, time.perf_counter()))
            _send(handler, 202, b'{"status":"OK"}', {})
            return
        self._seen.put(("next", b"", time.perf_counter()))
        event = self._events.get()
        if event is None:
            handler.close_connection = True
            return
        # Before it is sent: the function may respond before the last byte is written.
        self._sent = time.perf_counter()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + _TIMEOUT_MS),
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
            # Sampled, as the first request of each second is.
            "Lambda-Runtime-Trace-Id": "Root=1-5e6722a7-cc56846db7ae02d4da47e0a1;"
            "Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0",
        }
        _send(handler, 200, event, headers)


def _send(handler: Handler, status: int, body: bytes, headers: dict[str, str]) -> None:
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    handler.respond(status, body, given | headers)
