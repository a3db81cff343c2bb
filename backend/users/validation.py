"""Parses documents into users, or raises InvalidUser with everything that is wrong."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any, Final

import fastjsonschema

from backend.users.errors import Fault, InvalidUser
from backend.users.models import Document, Members, User
from backend.users.schema import (
    ATTRIBUTE_NAME,
    ATTRIBUTE_VALUE,
    ATTRIBUTES_MAX_BYTES,
    EMAIL_LOCAL_MAX_LENGTH,
    INVISIBLE,
    INVISIBLE_CATEGORIES,
    READ_ONLY,
    TEXTS,
    USERNAME,
    WRITABLE,
    Schema,
    time_zones,
)

# The formats in schema.py; fastjsonschema accepts any value of a format that it doesn't know.
FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    # The limit that the pattern can't express (RFC 5321, section 4.5.3.1.1). It replaces
    # fastjsonschema's own check, which requires a dot in the domain.
    "email": lambda address: len(address.partition("@")[0]) <= EMAIL_LOCAL_MAX_LENGTH,
    "iana-time-zone": lambda name: name in time_zones(),
}


def validator(schema: Schema) -> Callable[[Any], bool]:
    """Return a function that tells whether a value is valid against the schema and its formats."""

    @cache  # Compiled on first use: it takes a millisecond, and few requests need all schemas.
    def compiled() -> Callable[[Any], Any]:
        return fastjsonschema.compile(
            schema, formats=FORMATS, use_default=False, detailed_exceptions=False
        )

    def is_valid(value: Any) -> bool:
        try:
            compiled()(value)
        except fastjsonschema.JsonSchemaValueException:
            return False
        return True

    return is_valid


_KNOWN: Final = frozenset({"username", *WRITABLE, *READ_ONLY})

# Names and values of attributes are validated one by one, so that each gets a fault of its own.
_attributes = dict(WRITABLE["attributes"])
_is_attribute_name = validator(_attributes.pop("propertyNames"))
_is_attribute_value = validator(_attributes.pop("additionalProperties"))

_is_username = validator(USERNAME)
_is_member = {
    name: validator(schema) for name, schema in {**WRITABLE, "attributes": _attributes}.items()
}


def normalized_username(username: str) -> str | None:
    """Return the username as it is stored, or None if it isn't valid."""
    return username.lower() if _is_username(username) else None


def parse_new_user(document: Document) -> User:
    """Parse the body of a POST into a new user.

    Raises:
        InvalidUser: The body isn't valid.
    """
    document = _without_nulls(document)
    username: Any = document.pop("username", None)
    _raise_if_any(chain(_new_username_faults(username), _faults(document)))
    return User.new(username.lower(), _with_defaults(document))


def parse_replacement(document: Document, *, username: str) -> Members:
    """Parse the body of a PUT to `username` into all writable members.

    Raises:
        InvalidUser: The body isn't valid.
    """
    document = _without_nulls(document)
    faults = _username_faults(document, username)
    document = _without_read_only(document)
    _raise_if_any(chain(faults, _faults(document)))
    return _with_defaults(document)


def parse_merge_patch(patch: Document, members: Members, *, username: str) -> Members:
    """Apply a JSON Merge Patch (RFC 7396), the body of a PATCH to `username`, to `members`.

    Raises:
        InvalidUser: A member that the patch touches would not be valid. The others aren't checked:
            an earlier release, whose rules may have differed, accepted them.
    """
    faults = _username_faults(patch, username)
    # RFC 7396 ignores the removal of an absent member, but this finds misspelt names.
    faults += [_unknown(n) for n, v in patch.items() if v is None and n not in _KNOWN]
    removed: Iterable[str] = ()
    if isinstance(attributes := patch.get("attributes"), dict):
        removed = (n for n, v in attributes.items() if v is None)
    merged = _without_read_only(_merged(dict(members), patch))
    touched = {name: merged[name] for name in patch if name in merged}
    _raise_if_any(chain(faults, _attribute_name_faults(removed), _faults(touched)))
    return _with_defaults(merged)


def _raise_if_any(faults: Iterator[Fault]) -> None:
    if first := next(faults, None):
        raise InvalidUser(chain((first,), faults))


def _without_read_only(document: Document) -> Document:
    """Leave out the members that a client may send back but can't change."""
    return {n: v for n, v in document.items() if n != "username" and n not in READ_ONLY}


def _merged(target: Document, patch: Document) -> Document:
    """Merge as RFC 7396 says, section 2."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            below = target.get(name)
            target[name] = _merged(dict(below) if isinstance(below, dict) else {}, value)
        else:
            target[name] = value
    return target


def _without_nulls(document: Document) -> Document:
    """Leave out null members and attributes: null means absent.

    Unknown members stay, so that they are reported.
    """
    result = {n: v for n, v in document.items() if v is not None or n not in _KNOWN}
    if isinstance(attributes := result.get("attributes"), dict):
        result["attributes"] = {k: v for k, v in attributes.items() if v is not None}
    return result


def _with_defaults(document: Document) -> Members:
    defaults = {name: s["default"] for name, s in WRITABLE.items() if "default" in s}
    return {**defaults, **document}


def _new_username_faults(username: Any) -> Iterator[Fault]:
    if username is None:
        yield Fault("/username", f"is required: {USERNAME['description']}")
    elif not _is_username(username):
        yield Fault("/username", f"must be {USERNAME['description']}")


def _username_faults(document: Document, username: str) -> list[Fault]:
    """Find a username that differs from the path's: a client may repeat it but not change it."""
    if "username" not in document:
        return []
    value = document["username"]
    if isinstance(value, str) and normalized_username(value) == username:
        return []
    return [Fault("/username", "must be the one in the path, or be left out: it never changes")]


def _unknown(name: str) -> Fault:
    if name in READ_ONLY:
        return Fault(_pointer(name), "must be left out: it is read-only")
    return Fault(_pointer(name), "must be left out or spelt differently: no user has this member")


def _faults(document: Document) -> Iterator[Fault]:
    """Find the faults of all members but the username."""
    for name, value in document.items():
        if name not in WRITABLE:
            yield _unknown(name)
        elif (
            not _is_member[name](value)
            or (name == "attributes" and not _is_small(value))
            or (name in TEXTS and not _is_visible(value))
        ):
            yield Fault(_pointer(name), f"must be {WRITABLE[name]['description']}")
    if isinstance(attributes := document.get("attributes"), dict):
        yield from _attribute_name_faults(attributes)
        yield from _attribute_value_faults(attributes)


def _attribute_name_faults(names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        if not _is_attribute_name(name):
            yield Fault(_pointer("attributes", name), f"must be {ATTRIBUTE_NAME}")


def _attribute_value_faults(attributes: Document) -> Iterator[Fault]:
    for name, value in attributes.items():
        if not _is_attribute_value(value) or not _is_representable(value):
            yield Fault(_pointer("attributes", name), f"must be {ATTRIBUTE_VALUE}")


def _is_visible(text: str) -> bool:
    """Return whether a text has a visible character."""
    import unicodedata  # noqa: PLC0415 a megabyte that a cold start doesn't need

    return any(
        character not in INVISIBLE and unicodedata.category(character) not in INVISIBLE_CATEGORIES
        for character in text
    )


def _is_small(attributes: Document) -> bool:
    text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) <= ATTRIBUTES_MAX_BYTES


def _is_representable(value: Any) -> bool:
    """Return whether clients can represent a number: JSON's numbers have no limits, theirs do."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        try:
            return -(2**63) <= value < 2**64 or int(float(value)) == value
        except OverflowError:
            return False
    return True


def _pointer(*path: str) -> str:
    """Return a JSON Pointer (RFC 6901)."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
