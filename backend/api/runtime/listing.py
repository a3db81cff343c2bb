"""The query of GET /users, and the cursors of its pages."""

import base64
import hashlib
import json
import re
from typing import Final
from urllib.parse import parse_qsl, urlencode

from backend.api.runtime.errors import MalformedRequest
from backend.users.repository import Listing
from backend.users.schema import LIST_PARAMETERS
from backend.users.validation import validator

_VERSION: Final = 1
_CHECKSUM_BYTES: Final = 8

_is_parameter = {name: validator(schema) for name, schema in LIST_PARAMETERS.items()}
_integer = re.compile("[1-9][0-9]{0,8}")


def read_query(query: str, known: frozenset[str] = frozenset()) -> dict[str, str]:
    """Decode the parameters of a raw query.

    Args:
        query: The query as the client sent it, without the question mark.
        known: The names of the parameters that the call takes.

    Raises:
        MalformedRequest: A parameter is unknown or repeated, or isn't UTF-8.
    """
    try:
        # It ignores empty pairs, as in "limit=1&" (https://url.spec.whatwg.org/, section 5.1).
        pairs: list[tuple[str, str]] = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise MalformedRequest("Send a query in UTF-8, percent-encoded.") from None
    parameters = dict(pairs)
    if not parameters.keys() <= known:
        takes = ", ".join(sorted(known)) or "none"
        raise MalformedRequest(f"Send only query parameters that this call takes: {takes}.")
    if len(parameters) < len(pairs):
        raise MalformedRequest("Send each query parameter once.")
    return parameters


def read_listing(query: str) -> Listing:
    """Parse the query of GET /users.

    Raises:
        MalformedRequest: The query isn't valid.
    """
    parameters = read_query(query, frozenset(LIST_PARAMETERS))
    for name, value in parameters.items():
        is_integer = name == "limit" and _integer.fullmatch(value) is not None
        if not _is_parameter[name](int(value) if is_integer else value):
            raise MalformedRequest(f"Send {name} as {LIST_PARAMETERS[name]['description']}.")
    listing = Listing(
        limit=int(parameters.get("limit") or LIST_PARAMETERS["limit"]["default"]),
        username_prefix=parameters.get("username_prefix", "").lower(),
        status=parameters.get("status"),
        email=parameters.get("email"),
    )
    if cursor := parameters.get("cursor"):
        return listing._replace(after=_read_cursor(cursor, listing))
    return listing


def next_page(listing: Listing, last_username: str) -> tuple[str, str]:
    """Return the cursor and the URI reference of the page after a user."""
    cursor = _make_cursor(last_username, listing)
    parameters = {
        "limit": str(listing.limit),
        "username_prefix": listing.username_prefix,
        "status": listing.status or "",
        "cursor": cursor,
    }
    return cursor, "/users?" + urlencode({n: v for n, v in parameters.items() if v})


def _make_cursor(username: str, listing: Listing) -> str:
    content = _checksum(username, listing) + username.encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _read_cursor(cursor: str, listing: Listing) -> str:
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        username = content[_CHECKSUM_BYTES:].decode()
    except ValueError:
        username = ""
    # A list by email has only one page. Comparing whole cursors also refuses other spellings of the
    # same base64.
    if listing.email is not None or cursor != _make_cursor(username, listing):
        raise MalformedRequest(
            "Send cursor as it was received, with the filters of the page that it came with, "
            "or leave it out to begin again."
        )
    return username


def _checksum(username: str, listing: Listing) -> bytes:
    """Return a checksum that detects mistakes. It needs no secret: a forged cursor reveals nothing.

    Whoever forges one could list the same users without it.
    """
    content = json.dumps([_VERSION, listing.username_prefix, listing.status, username])
    return hashlib.sha256(content.encode()).digest()[:_CHECKSUM_BYTES]
