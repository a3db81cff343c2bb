"""A connection to DynamoDB that is kept between requests, with Python's own HTTP and TLS.

Everything here ends by its deadline, except name resolution: `getaddrinfo` can't be interrupted.
"""

import contextlib
import io
import socket
import ssl
import zlib
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO, Final, NamedTuple, cast

from backend.users.dynamodb.deadline import Deadline

# DynamoDB returns at most 16 MB of items; a larger length was damaged on the way.
_MAX_BYTES: Final = 64 * 1024 * 1024


class InvalidResponse(Exception):
    """A response is incomplete or damaged. The message says how."""


# The exceptions that a connection may raise.
CONNECTION_ERRORS: Final = (OSError, HTTPException, InvalidResponse)


class Response(NamedTuple):
    """A whole response."""

    status: int
    headers: Message
    body: bytes


class _SocketStream(io.RawIOBase):
    """Reads from a socket, and waits until a deadline or, if it has none, not at all.

    A socket's own timeout isn't enough: it starts again with each byte that arrives.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.deadline: Deadline | None = None
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        if self.deadline is None:
            return self._read_available(buffer)
        self._socket.settimeout(self.deadline.remaining())
        received = self._socket.recv_into(buffer)
        self.deadline.remaining()  # raises if the data came too late
        return received

    def _read_available(self, buffer: memoryview) -> int | None:
        self._socket.settimeout(0)
        try:
            received = self._socket.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError:
            received = 0
        self.has_ended = received == 0
        return received


class _Reader(io.BufferedReader):
    """A reader for http.client that stays open when http.client closes it after each response.

    It keeps bytes that follow a response, so that Connection.is_usable() sees them.
    """

    def close(self) -> None:
        """Do nothing."""


class Connection:
    """A connection for one request at a time.

    Args:
        host: The server's name or address.
        port: The server's port.
        tls: The TLS settings; None for plain HTTP.
        deadline: When the TLS handshake must have ended, whichever of the host's addresses accepts.

    Raises:
        OSError: The connection could not be made.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, deadline: Deadline
    ) -> None:
        self._is_secure = tls is not None
        self._socket = _connect(host, port, deadline)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                secured = tls.wrap_socket(
                    self._socket, server_hostname=host, do_handshake_on_connect=False
                )
                self._socket = secured
                secured.settimeout(deadline.remaining())  # for the handshake as a whole
                secured.do_handshake()
        except BaseException:
            self._socket.close()
            raise
        self._stream = _SocketStream(self._socket)
        self._reader = _Reader(self._stream)
        self._is_kept = True

    def fileno(self) -> int:
        """Return the socket's file descriptor, for polling."""
        return self._socket.fileno()

    def send(self, request: bytes, deadline: Deadline) -> None:
        """Send a request.

        Raises:
            OSError: The connection failed or the deadline passed.
        """
        remaining = memoryview(request)
        while remaining:
            self._socket.settimeout(deadline.remaining())
            remaining = remaining[self._socket.send(remaining) :]

    def receive(self, deadline: Deadline) -> Response:
        """Return the whole response to the request.

        Raises:
            OSError, HTTPException, InvalidResponse: See CONNECTION_ERRORS. The connection must be
                closed then.
        """
        self._stream.deadline = deadline
        response = HTTPResponse(cast("socket.socket", self), method="POST")
        response.begin()
        body = _body(response)
        self._stream.deadline = None
        checksum = response.getheader("x-amz-crc32")
        # DynamoDB sends a checksum with every response. Some emulators don't, but only they are
        # called over plain HTTP.
        if checksum is None and self._is_secure:
            raise InvalidResponse("no checksum")
        if checksum is not None and checksum != str(zlib.crc32(body)):
            raise InvalidResponse("wrong checksum")
        self._is_kept = not response.will_close
        return Response(response.status, response.headers, body)

    def has_begun(self) -> bool:
        """Return whether a response has begun to arrive or the server has closed the connection.

        Polling the socket isn't enough: it is also readable when only TLS's own messages arrived,
        such as the session tickets after a handshake.
        """
        return bool(self._reader.peek(1)) or self._stream.has_ended

    def makefile(self, _mode: str) -> BinaryIO:
        """Return the stream that http.client reads the response from."""
        return cast("BinaryIO", self._reader)

    def is_usable(self) -> bool:
        """Return whether the connection is still open and has no unexpected data.

        Lambda freezes workers between requests, so only this check shows what happened meanwhile.
        """
        return self._is_kept and not self.has_begun()

    def close(self) -> None:
        """Close the connection, even during a request."""
        with contextlib.suppress(OSError):
            self._socket.close()


def _connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first of the host's addresses that accepts.

    Each address gets an equal share of the time that is left.
    """
    deadline.remaining()  # raises if it is too late for the resolver
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for left, (family, kind, protocol, _, address) in zip(
        range(len(addresses), 0, -1), addresses, strict=True
    ):
        made = None
        try:
            made = socket.socket(family, kind, protocol)
            made.settimeout(deadline.remaining() / left)
            made.connect(address)
        except OSError:
            if made:
                made.close()
            if left == 1:
                raise
        else:
            return made
    raise OSError("the host has no address")


def _body(response: HTTPResponse) -> bytes:
    """Read the body, and check what http.client doesn't: that it has a length, and a sane one."""
    if response.chunked:
        # The limit also holds if the size of a chunk is damaged.
        body = response.read(_MAX_BYTES)
        if not response.isclosed():
            raise InvalidResponse("too long")
        return body
    if response.length is None or response.length > _MAX_BYTES:
        raise InvalidResponse("no length, or a wrong one")
    return response.read()
