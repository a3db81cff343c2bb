"""A connection to DynamoDB, kept from one request to the next: HTTP and TLS, both Python's own.

Nothing here waits longer than a deadline allows, but for the resolver of names: `getaddrinfo` can't
be interrupted.
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

# DynamoDB returns 16 MB of items at most; more is a length that was damaged.
_MOST_BYTES: Final = 64 * 1024 * 1024


class InvalidResponse(Exception):
    """A response that isn't what DynamoDB sent, or not all of it: what is wrong with it."""


# What a connection may raise.
FAULTS: Final = (OSError, HTTPException, InvalidResponse)


class Response(NamedTuple):
    """A whole response."""

    status: int
    headers: Message
    body: bytes


class _Received(io.RawIOBase):
    """What arrives at a socket: a reader that waits until a deadline, or not at all.

    A socket's own timeout starts anew with each byte that arrives.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.deadline: Deadline | None = None
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        if self.deadline is None:
            return self._read_what_waits(buffer)
        self._socket.settimeout(self.deadline.remaining())
        received = self._socket.recv_into(buffer)
        self.deadline.remaining()  # what comes later doesn't count
        return received

    def _read_what_waits(self, buffer: memoryview) -> int | None:
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
    """What http.client reads responses from, and closes after each.

    It stays open, and keeps surplus bytes, so that Connection.is_usable() sees them.
    """

    def close(self) -> None:
        """Stay open."""


class Connection:
    """A connection for one request at a time.

    Args:
        host, port: where it goes.
        tls: how it is secured; None for plain HTTP.
        deadline: for the connection, over all addresses that the host has, and the TLS handshake.

    Raises:
        OSError: it could not be made.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, deadline: Deadline
    ) -> None:
        self._is_checked = tls is not None
        self._socket = _connected(host, port, deadline)
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
        self._received = _Received(self._socket)
        self._reader = _Reader(self._received)
        self._is_kept = True

    def fileno(self) -> int:
        """Return the socket's, to wait for it."""
        return self._socket.fileno()

    def send(self, request: bytes, deadline: Deadline) -> None:
        """Send a request. Raises one of FAULTS."""
        remaining = memoryview(request)
        while remaining:
            self._socket.settimeout(deadline.remaining())
            remaining = remaining[self._socket.send(remaining) :]

    def receive(self, deadline: Deadline) -> Response:
        """Return the whole response to what was sent.

        Raises one of FAULTS, after which the connection must be closed.
        """
        self._received.deadline = deadline
        response = HTTPResponse(cast("socket.socket", self), method="POST")
        response.begin()
        body = _body(response)
        self._received.deadline = None
        checksum = response.getheader("x-amz-crc32")
        # DynamoDB sends it with every response. Some of its stand-ins don't, which are reached by
        # plain HTTP; nothing else is.
        if checksum is None and self._is_checked:
            raise InvalidResponse("no checksum")
        if checksum is not None and checksum != str(zlib.crc32(body)):
            raise InvalidResponse("wrong checksum")
        self._is_kept = not response.will_close
        return Response(response.status, response.headers, body)

    def has_begun(self) -> bool:
        """Return whether a response has begun to arrive, or the connection has ended.

        A socket with TLS is also readable when there is only something for TLS itself, such as
        the session tickets that follow a handshake.
        """
        return bool(self._reader.peek(1)) or self._received.has_ended

    def makefile(self, _mode: str) -> BinaryIO:
        """Return what http.client is to read a response from."""
        return cast("BinaryIO", self._reader)

    def is_usable(self) -> bool:
        """Return whether it is open, and silent: a server that ended it, or speaks unasked, isn't.

        A worker that was frozen finds out only so what happened meanwhile.
        """
        return self._is_kept and not self.has_begun()

    def close(self) -> None:
        """End it, whatever is under way."""
        with contextlib.suppress(OSError):
            self._socket.close()


def _connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first of the host's addresses that accepts; each has its share of the time."""
    deadline.remaining()  # before the resolver takes its own
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
    """Read the body: http.client raises when one ends early, but asks for no length."""
    if response.chunked:
        # Not more, also where the size of a chunk is damaged.
        body = response.read(_MOST_BYTES)
        if not response.isclosed():
            raise InvalidResponse("too long")
        return body
    if response.length is None or response.length > _MOST_BYTES:
        raise InvalidResponse("no length, or a wrong one")
    return response.read()
