"""What a call answers."""

from collections.abc import Mapping
from typing import NamedTuple


class Response(NamedTuple):
    """A response, before the gateway's format.

    Attributes:
        headers: those beside the ones that every response has.
        body: text, or bytes that are no text; empty where there is none.
    """

    status: int
    headers: Mapping[str, str]
    body: str | bytes = ""
