"""HTTP servers that run beside what measures."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

_POLL_SECONDS = 0.05


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serves, in a thread of its own, for as long as it is entered; then it is closed."""
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
