"""The Idempotency-Key header: a create that is tried again happens once."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from errors import MalformedRequest
from models import Document
from users import Attempt

KEY_PATTERN: Final = "^[\\x21-\\x7e]{1,255}$"
_key = re.compile(KEY_PATTERN)


def read_attempt(headers: Mapping[str, str], caller: str, document: Document) -> Attempt | None:
    """The attempt that a request is, if it has a key.

    headers: with lower-case names; caller: keys of one are not those of another; document: the
    body. Raises MalformedRequest.
    """
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if not _key.fullmatch(key):
        raise MalformedRequest("Send an Idempotency-Key of 1 to 255 visible ASCII characters.")
    return Attempt(_digest([caller, key]), _digest(document))


def _digest(value: Any) -> str:
    """Equal for equal JSON only; 1, 1.0 and true, which Python takes for equal, differ."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
