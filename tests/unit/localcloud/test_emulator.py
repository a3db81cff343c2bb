"""What the sandbox needs before the emulator starts."""

import socket

import pytest

from localcloud.emulator import HOST, free_port, require_free
from tooling.progress import Failure


def test_a_port_that_cannot_be_listened_on_is_named() -> None:
    require_free(free_port())
    with socket.socket() as other:
        other.bind((HOST, 0))  # taken, though nobody listens
        port = other.getsockname()[1]
        with pytest.raises(
            Failure, match=rf"^Port {port} can't be used \(Address already in use\)"
        ):
            require_free(port)
