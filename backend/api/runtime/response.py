"""The response of a call."""

from collections.abc import Mapping
from typing import NamedTuple


class Response(NamedTuple):
    """A response, not yet in the gateway's format.

    Attributes:
        status: The HTTP status.
        headers: The headers, without those that every response has.
        body: Text or binary content; empty for none.
    """

    status: int
    headers: Mapping[str, str]
    body: str | bytes = ""
