"""Reads a request's body: one JSON object, exactly as the client meant it, or a refusal."""

import base64
import json
import math
from typing import Any, Final

from backend.api.runtime.errors import ContentTooLarge, MalformedRequest, UnsupportedMediaType
from backend.users.models import Document

JSON: Final = ("application/json",)
MERGE_PATCH: Final = ("application/merge-patch+json", "application/json")

_PLAIN: Final = "identity"
# What clients call the only encoding that JSON has (RFC 8259, section 8.1), and what is part of it.
# The parameter has no effect on JSON (section 11), but who names another encoding may mean it, and
# the gateway silently replaces bytes that aren't UTF-8.
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
MAX_BYTES: Final = 64 * 1024
# A user has two levels; validation and encoding have limits of their own, far above this.
_MAX_DEPTH: Final = 32
# Python refuses to parse longer ones (sys.get_int_max_str_digits) and the schema far shorter ones.
_MAX_DIGITS: Final = 4000


def read_object(event: dict[str, Any], accepted: tuple[str, ...], *, header: str) -> Document:
    """The JSON object in the body of an HTTP API event (payload format 2.0).

    accepted: media types, the preferred one first; header: the response field that lists them
    when the request has another. Raises MalformedRequest, ContentTooLarge, UnsupportedMediaType.
    """
    body = event.get("body") or ""
    # What can't be encoded is let through here, for _decode() to refuse.
    encoded = event.get("isBase64Encoded")
    content = base64.b64decode(body) if encoded else body.encode(errors="surrogatepass")
    if not content:
        raise MalformedRequest("Send a JSON object in the body.")
    if not _is_plain(event["headers"].get("content-encoding", "")):
        raise UnsupportedMediaType(
            (_PLAIN,), "Accept-Encoding", "Send the body as it is, without Content-Encoding."
        )
    if not _is_accepted(event["headers"].get("content-type", ""), accepted):
        raise UnsupportedMediaType(accepted, header)
    if len(content) > MAX_BYTES:
        raise ContentTooLarge(f"Send at most {MAX_BYTES} bytes.")
    return _decode(content)


def _is_plain(content_encoding: str) -> bool:
    """A list, whose elements may be empty (RFC 9110, sections 5.6.1 and 8.4)."""
    return {coding.strip().lower() for coding in content_encoding.split(",")} <= {"", _PLAIN}


def _is_accepted(content_type: str, accepted: tuple[str, ...]) -> bool:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    pairs = [parameter.partition("=") for parameter in parameters]
    charsets = {value.strip(" \t\"'") for name, _, value in pairs if name.strip() == "charset"}
    return media_type in accepted and charsets <= _UTF_8


def _decode(content: bytes) -> Document:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise MalformedRequest("Send the body in UTF-8.") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_double,
            parse_constant=_refuse_constant,
        )
    except (json.JSONDecodeError, RecursionError):
        raise MalformedRequest("Send a body that is JSON.") from None
    if not isinstance(value, dict):
        raise MalformedRequest("Send a JSON object, not another JSON value.")
    _refuse_depth(value)
    if "\\ud" in text.lower():  # an escape in JSON can name half a character
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise MalformedRequest("Send no unpaired surrogates in strings.") from None
    return value


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise MalformedRequest(f"Send a body of at most {_MAX_DEPTH} levels.")


def _object(pairs: list[tuple[str, Any]]) -> Document:
    value = dict(pairs)
    if len(value) < len(pairs):  # RFC 8259 leaves open which one counts, so neither does
        raise MalformedRequest("Send each member of an object once.")
    return value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _double(number: str) -> float:
    """Return the nearest double; what becomes infinite, or NaN for 0, is refused by the schema."""
    value = float(number)
    is_zero = not number.lower().partition("e")[0].strip("-0.")
    return value if value or is_zero else math.nan


def _refuse_constant(name: str) -> None:
    raise MalformedRequest(f"Send no {name}: it is not JSON.")
