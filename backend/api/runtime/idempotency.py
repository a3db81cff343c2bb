"""The Idempotency-Key header, with which a repeated create happens only once."""

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


# The claims that name the client (RFC 8693, section 4.3; OpenID Connect Core, section 2). Some
# issuers leave out the subject in tokens that a program gets for itself.
CLIENT_CLAIMS: Final = ("client_id", "azp")


def read_key(
    headers: Mapping[str, str], claims: Mapping[str, str], document: Document
) -> IdempotencyKey | None:
    """Return a request's idempotency key, or None if it has none.

    Args:
        headers: The request's headers, with lower-case names.
        claims: The token's claims, because each caller has keys of its own.
        document: The request's body.

    Raises:
        MalformedRequest: The key isn't valid, or the token doesn't name the caller.
    """
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if not _key.fullmatch(key):
        raise MalformedRequest("Send an Idempotency-Key of 1 to 255 visible ASCII characters.")
    return IdempotencyKey(_digest([*_caller(claims), key]), _digest(document))


def _caller(claims: Mapping[str, str]) -> list[str]:
    if subject := claims.get("sub"):
        return [subject]  # without the claim's name, as in keys that are already stored
    for name in CLIENT_CLAIMS:
        if client := claims.get(name):
            return [name, client]
    raise MalformedRequest(
        "Send no Idempotency-Key with this token: it has no claim sub, client_id or azp that "
        "says whose key it is."
    )


def _digest(value: Any) -> str:
    """Return a digest of a value's JSON, in which 1, 1.0 and true differ."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
