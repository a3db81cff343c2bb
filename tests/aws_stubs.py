"""Stand-ins for AWS's services: HTTP servers that an SDK's client talks to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

_POLL_SECONDS = 0.01
_REPORT = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """None as the status closes the connection without an answer."""

    status: int | None
    headers: dict[str, str]
    body: bytes


@contextmanager
def serving(answer: Callable[[Request], Response]) -> Iterator[str]:
    """Serves GET and POST requests on the loopback; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            response = answer(Request(self.path, dict(self.headers.items()), body))
            if response.status is None:
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def codedeploy(reports: list[dict[str, Any]]) -> Iterator[str]:
    """Takes the reports of hooks; gives the address."""

    def answer(request: Request) -> Response:
        assert request.headers["X-Amz-Target"] == _REPORT
        reports.append(json.loads(request.body))
        return Response(200, {"Content-Type": "application/x-amz-json-1.1"}, b"{}")

    with serving(answer) as endpoint:
        yield endpoint
