"""HTTP servers that stand in for AWS services."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

_POLL_SECONDS = 0.01


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """A response. If the status is None, the connection is closed without one."""

    status: int | None
    headers: dict[str, str]
    body: bytes


@contextmanager
def serving(respond: Callable[[Request], Response]) -> Iterator[str]:
    """Serve on the loopback, and yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers.items())
            response = respond(Request(self.command, self.path, headers, body))
            if response.status is None:
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

        do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 http.server's names

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
