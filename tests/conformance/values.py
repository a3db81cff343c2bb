"""The values of random calls. There are few, so that calls often concern the same user."""

import json
from typing import Any, Final

READ_ONLY: Final = ("created_at", "updated_at", "version")
ATTRIBUTES_MAX_BYTES: Final = 16 * 1024
ATTRIBUTES_MAX: Final = 50

# Sorted as lists are.
USERNAMES: Final = ("ann", "ann+1", "ann.b", "bob", "cy@example.com")
SPELLINGS: Final = (*USERNAMES, "ANN", "Ann.B", "Bob", "cY@example.COM")
NO_USERNAMES: Final = ("-", "ann.", "ann b", "x" * 129)

# Eight fit into the limit of attributes, ten exceed it, with or without names and punctuation.
_LONG: Final = "é" * 950

# None is null, which isn't the same as a missing member.
GOOD_VALUES: Final[dict[str, list[Any]]] = {
    "username": list(SPELLINGS),
    "email": ["a@example.com", "A@Example.com", "b@example.com", "c+d@example.com", None],
    "status": ["active", "suspended", None],
    "given_name": ["Zoë", "🙂", " x\u200b", None],
    "family_name": ["O'Neil \\ \"", None],
    "display_name": ["<b>", "x" * 256, None],
    "phone_number": ["+4930123456", None],
    "locale": ["en-US", "de", None],
    "zoneinfo": ["Europe/Berlin", "UTC", None],
    "country": ["DE", "FR", None],
    "state": ["Berlin", "x" * 64, None],
    "attributes": [
        {},
        {"n": 1},
        {"n": 1.0},
        {"n": True},
        {"n": None},
        {"f": 0.1, "s": "\x00", "t": ""},
        {"i": 2**64 - 1, "j": -(2**63), "k": 2**70, "l": 1e308},
        {f"a{i}": _LONG for i in range(5)},
        {f"b{i}": _LONG for i in range(3)},
        {f"c{i}": _LONG for i in range(2)},
        {f"d{i}": i for i in range(45)},
        None,
    ],
}
# Different JSON values, some of which are equal in Python.
NUMBERS: Final[list[Any]] = [1, 1.0, True, 0, 0.0, -0.0, False, "1"]
BAD_ATTRIBUTE_NAMES: Final = frozenset({"a b", "x" * 65, "", "a/b~c"})
BAD_ATTRIBUTE_VALUES: Final[list[Any]] = [[1], {"x": {}}, {"x": 1}, "x" * 2049, 2**64 + 1]
BAD_VALUES: Final[dict[str, list[Any]]] = {
    "username": ["-ann", "", 5, "ann b", "x" * 129],
    "email": ["x", 5, "a@example.com ", "é@example.com"],
    "status": ["gone", "Active", True],
    "given_name": ["", "a\nb", "x" * 257, 1.5, " "],
    "family_name": ["\x7f", [], "\u200b\u3000"],
    "display_name": [{}, "\ufeff"],
    "phone_number": ["123", "+0123456789"],
    "locale": ["-", "en_US"],
    "zoneinfo": ["Mars/Base", "europe/berlin"],
    "country": ["XX", "de"],
    "state": ["x" * 65],
    "attributes": [[], "x", 1],
}
UNKNOWN_MEMBERS: Final = ("nickname", "user/name", "Email")

KEYS: Final = ("k1", "k2", "!" * 255)
BAD_KEYS: Final = ("", "a b", "x" * 256)
BAD_CONDITIONS: Final = ("garbage", '"open', "W/", "*, *")

PREFIXES: Final = ("a", "ann", "ANN.", "bob", "z")
BAD_QUERIES: Final = (
    "limit=0",
    "limit=101",
    "limit=1&limit=1",
    "limit=%2B1",
    "limit=",
    "username_prefix=",
    "username_prefix=-",
    "status=gone",
    "status=",
    "email=x",
    "cursor=",
    "page=2",
    "Limit=1",
)


def as_json(value: Any) -> str:
    """Return JSON that differs for 1, 1.0 and true, which are equal in Python."""
    return json.dumps(value, sort_keys=True)
