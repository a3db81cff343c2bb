"""HTTP servers that run in a thread beside what measures."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_POLL_SECONDS = 0.05


class Handler(BaseHTTPRequestHandler):
    """One request, which the server's `handle_with` responds to."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # a response leaves in one piece

    def do_GET(self) -> None:
        """Respond."""
        self.server.handle_with(self)

    do_POST = do_GET  # noqa: N815 as the base class calls it

    def body(self) -> bytes:
        """Read the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a response with exactly these headers, in this order."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """A server on a free port of the loopback.

    Args:
        handle_with: Responds to a request, in the connection's own thread.
        tls: What a server with TLS has; None for plain HTTP.
    """

    daemon_threads = True

    def __init__(
        self, handle_with: Callable[[Handler], None], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.handle_with = handle_with
        self._tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread: a handshake takes both sides."""
        if self._tls is None:
            return super().finish_request(request, client_address)
        assert isinstance(request, socket.socket)  # noqa: S101
        try:
            with self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except ConnectionError:  # the process has ended
            pass
        except ssl.SSLError as error:
            if "EOF" not in str(error):
                raise

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve for as long as it is entered."""
        threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()
