"""Reads JSON objects from requests' bodies, and refuses those that could be misunderstood."""

import base64
import json
import math
from typing import Any, Final

from backend.api.runtime.errors import ContentTooLarge, MalformedRequest, UnsupportedMediaType
from backend.users.models import Document

JSON: Final = ("application/json",)
MERGE_PATCH: Final = ("application/merge-patch+json", "application/json")

_PLAIN: Final = "identity"
# The names of JSON's only encoding (RFC 8259, section 8.1) and of a subset of it. The parameter has
# no effect on JSON (section 11), but a client that names another encoding may use it, and the
# gateway silently replaces bytes that aren't UTF-8.
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
MAX_BYTES: Final = 64 * 1024
# A user has two levels. Validation and encoding fail only far above this limit.
_MAX_DEPTH: Final = 32
# Below Python's limit for integers (sys.get_int_max_str_digits), far above the schema's.
_MAX_DIGITS: Final = 4000


def read_object(event: dict[str, Any], accepted: tuple[str, ...], *, header: str) -> Document:
    """Read the JSON object in the body of a request.

    Args:
        event: The gateway's HTTP API event (payload format 2.0).
        accepted: The media types that the call takes, the preferred one first.
        header: The header that lists them in the response to a request with another media type.

    Raises:
        MalformedRequest: The body isn't a JSON object.
        ContentTooLarge: The body has more than MAX_BYTES.
        UnsupportedMediaType: The body has another media type or a content coding.
    """
    body = event.get("body") or ""
    # Lone surrogates pass here; _decode() refuses them.
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
    """Return whether a Content-Encoding, a list with optional elements, names no coding.

    See RFC 9110, sections 5.6.1 and 8.4.
    """
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
    if "\\ud" in text.lower():  # a JSON escape can be a lone surrogate
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
    if len(value) < len(pairs):  # RFC 8259 leaves open which one counts
        raise MalformedRequest("Send each member of an object once.")
    return value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _double(number: str) -> float:
    """Return the nearest double; NaN if that is 0 but the number isn't.

    The schema refuses NaN and infinite numbers.
    """
    value = float(number)
    is_zero = not number.lower().partition("e")[0].strip("-0.")
    return value if value or is_zero else math.nan


def _refuse_constant(name: str) -> None:
    raise MalformedRequest(f"Send no {name}: it is not JSON.")
