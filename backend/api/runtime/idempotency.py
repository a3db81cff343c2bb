"""The Idempotency-Key header: a create that is tried again happens once."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from backend.api.runtime.errors import MalformedRequest
from backend.users.models import Document
from backend.users.repository import IdempotencyKey

KEY_PATTERN: Final = "^[\\x21-\\x7e]{1,255}$"
_key = re.compile(KEY_PATTERN)


# What names the caller where a token has no subject, as some issuers' have none when a program
# asks for itself: the client (RFC 8693, section 4.3; OpenID Connect Core, section 2).
CLIENT_CLAIMS: Final = ("client_id", "azp")


def read_key(
    headers: Mapping[str, str], claims: Mapping[str, str], document: Document
) -> IdempotencyKey | None:
    """Return the attempt that a request is, or None if it has no key.

    Args:
        headers: with lower-case names.
        claims: of the token; keys of one caller are not those of another.
        document: the body.

    Raises:
        MalformedRequest: the key is none, or nobody knows whose it is.
    """
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if not _key.fullmatch(key):
        raise MalformedRequest("Send an Idempotency-Key of 1 to 255 visible ASCII characters.")
    return IdempotencyKey(_digest([*_caller(claims), key]), _digest(document))


def _caller(claims: Mapping[str, str]) -> list[str]:
    if subject := claims.get("sub"):
        return [subject]  # without the claim's name: so it is in the keys that are stored
    for name in CLIENT_CLAIMS:
        if client := claims.get(name):
            return [name, client]
    raise MalformedRequest(
        "Send no Idempotency-Key with this token: it has no claim sub, client_id or azp that "
        "says whose key it is."
    )


def _digest(value: Any) -> str:
    """Equal for equal JSON only; 1, 1.0 and true, which Python takes for equal, differ."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
