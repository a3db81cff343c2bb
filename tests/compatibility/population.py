"""Requests that make every kind of item.

Add requests for each new member, status or kind of item, but don't change existing requests.
"""

from typing import Any, Final, NamedTuple

USERNAMES_IN_ORDER_OF_BYTES: Final = ("a+b", "a-b", "a.b", "a0b", "a@b", "a_b", "ab")


class Request(NamedTuple):
    """A request. `key` is its Idempotency-Key."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    key: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"idempotency-key": self.key} if self.key else {}


def _create(username: str, key: str | None = None, **members: Any) -> Request:
    return Request("POST", "/users", {"username": username, **members}, key)


def _change(method: str, username: str, **members: Any) -> Request:
    return Request(method, f"/users/{username}", members)


def _delete(username: str) -> Request:
    return Request("DELETE", f"/users/{username}")


_EVERY_MEMBER: Final[dict[str, Any]] = {
    "email": "Every.Member+Tag@Example.com",
    "status": "suspended",
    "given_name": "Jo\u0308rg \U0001f642",  # a letter of two characters, and one beyond 16 bits
    "family_name": 'O\'Connor "de" \\ la #$:%/',
    "display_name": "N" * 256,
    "phone_number": "+4930123456",
    "locale": "zh-Hant-TW",
    "zoneinfo": "America/Argentina/Buenos_Aires",
    "country": "AR",
    "state": "Ñuñoa",
    "attributes": {
        "one": 1,
        "one-point-zero": 1.0,
        "true": True,
        "false": False,
        "tenth": 0.1,
        "least": -(2**63),
        "most": 2**64 - 1,
        "huge": 1e300,
        "empty": "",
        "nul": "\u0000",
        "text": '{"S": "\u00fc\u4e2d\U0001f642"}',
    },
}

REQUESTS: Final = (
    _create("minimal"),
    _create("every-member", **_EVERY_MEMBER),
    _create("Upper.Case", email="Upper.Case@EXAMPLE.COM"),
    _create("jane+tag@example.com", email="jane+tag@example.com"),
    _create("l" * 128, email="l" * 64 + "@example.com"),
    _create("suspended", status="suspended"),
    _create("suspended-with-email", status="suspended", email="suspended@example.com"),
    _create("no-attributes", attributes={}),
    *(_create(username) for username in USERNAMES_IN_ORDER_OF_BYTES),
    # Later versions.
    _create("patched", given_name="Before", attributes={"kept": 1, "removed": 2}),
    _change("PATCH", "patched", given_name="After", attributes={"removed": None}),
    _create("replaced", **{**_EVERY_MEMBER, "email": "replaced@example.com"}),
    _change("PUT", "replaced", email="replaced@example.com"),
    _create("suspended-later"),
    _change("PATCH", "suspended-later", status="suspended"),
    _create("active-again", status="suspended"),
    _change("PATCH", "active-again", status="active"),
    # Emails that were used before.
    _create("email-removed", email="removed@example.com"),
    _change("PATCH", "email-removed", email=None),
    _create("email-changed", email="old@example.com"),
    _change("PATCH", "email-changed", email="New@Example.com"),
    _create("email-taken-over", email="OLD@example.com"),
    _create("deleted", email="deleted@example.com"),
    _delete("deleted"),
    _create("created-again", given_name="First"),
    _change("PATCH", "created-again", given_name="First, changed"),
    _delete("created-again"),
    _create("created-again", given_name="Second"),
    # Creates with idempotency records, which stay when the user changes or goes.
    _create("key", "key"),
    _create("key-every-member", "!~every", **{**_EVERY_MEMBER, "email": "key@example.com"}),
    _create("key-changed", "9d1c7f0e", given_name="First", email="key-changed@example.com"),
    _change("PATCH", "key-changed", given_name="Second", email=None),
    _create("key-deleted", "k" * 255, email="key-deleted@example.com"),
    _delete("key-deleted"),
)
