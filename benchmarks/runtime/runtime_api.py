"""Lambda's Runtime API, which a function asks for events and tells its answers.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

from benchmarks.runtime.servers import running

_PREFIX: Final = "/2018-06-01/runtime"
_TIMEOUT_MS: Final = 20_000
_ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:benchmark:live"


class FunctionFailed(Exception):
    """The function ended, failed, or took too long: its own words."""


class Result(NamedTuple):
    """What a function answered, and the seconds until then, from when the event was sent."""

    answer: dict[str, Any]
    seconds: float


class RuntimeAPI:
    """For one function. `address` is what AWS_LAMBDA_RUNTIME_API is to hold."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # What the function did: asked for the next event, or gave an answer, and when.
        self._told: queue.SimpleQueue[tuple[str, bytes, float]] = queue.SimpleQueue()
        self._sent = 0.0
        api = self

        class Handler(_Handler):
            def next_event(self) -> bytes | None:
                api._told.put(("next", b"", time.perf_counter()))
                return api._events.get()

            def sends(self) -> None:
                api._sent = time.perf_counter()

            def told(self, what: str, body: bytes) -> None:
                api._told.put((what, body, time.perf_counter()))

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator["RuntimeAPI"]:
        """Serves for as long as it is entered."""
        with running(self._server):
            try:
                yield self
            finally:
                self._events.put(None)

    def await_next(self, is_alive: Callable[[], bool], seconds: float) -> float:
        """Until the function asks for an event; the clock when it did. Raises FunctionFailed."""
        _, at = self._await("next", is_alive, seconds)
        return at

    def invoke(
        self, event: dict[str, Any], is_alive: Callable[[], bool], seconds: float = 60
    ) -> Result:
        """The answer to an event, once the function asks for the next one, too."""
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
                told, body, at = self._told.get(timeout=0.5)
            except queue.Empty:
                if not is_alive():
                    raise FunctionFailed("The function's process has ended.") from None
                continue
            if told == what:
                return body, at
            raise FunctionFailed(f"{told} came, not {what}: {body.decode(errors='replace')}")
        raise FunctionFailed(f"No {what} after {seconds:.0f} s.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def next_event(self) -> bytes | None:
        raise NotImplementedError

    def sends(self) -> None:
        raise NotImplementedError

    def told(self, what: str, body: bytes) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(404, b"{}")
            return
        event = self.next_event()
        if event is None:
            self.close_connection = True
            return
        # Before it is: the function may have answered by the time that the last byte is written.
        self.sends()
        self._answer(
            200,
            event,
            {
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + _TIMEOUT_MS),
                "Lambda-Runtime-Invoked-Function-Arn": _ARN,
                # Sampled, as the first request of each second is.
                "Lambda-Runtime-Trace-Id": "Root=1-5e6722a7-cc56846db7ae02d4da47e0a1;"
                "Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding"):
            self.told("a streamed response", b"")
        kind = {
            "response": "response",
            "error": "init error" if self.path == f"{_PREFIX}/init/error" else "error",
        }.get(self.path.rpartition("/")[2], "unknown call")
        self.told(kind, body)
        self._answer(202, b'{"status":"OK"}')

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**given, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        pass
