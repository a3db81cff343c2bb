"""Makes users of documents, or says everything that is wrong with them."""

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

# fastjsonschema lets everything through where it doesn't know a format.
FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    # fastjsonschema's own wants a dot in the domain. What the pattern leaves open: RFC 5321,
    # section 4.5.3.1.1.
    "email": lambda address: len(address.partition("@")[0]) <= EMAIL_LOCAL_MAX_LENGTH,
    "iana-time-zone": lambda name: name in time_zones(),
}


def validator(schema: Schema) -> Callable[[Any], bool]:
    """Tells whether a value is as the schema says, its formats included."""

    @cache  # It takes a millisecond, and few requests need all schemas: when it is first used.
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

# Each attribute has a fault of its own, so its name and its value are judged one by one.
_attributes = dict(WRITABLE["attributes"])
_is_attribute_name = validator(_attributes.pop("propertyNames"))
_is_attribute_value = validator(_attributes.pop("additionalProperties"))

_is_username = validator(USERNAME)
_is_member = {
    name: validator(schema) for name, schema in {**WRITABLE, "attributes": _attributes}.items()
}


def normalized_username(username: str) -> str | None:
    """The username as it is stored, or None for what can't be one."""
    return username.lower() if _is_username(username) else None


def parse_new_user(document: Document) -> User:
    """A new user from the body of a POST.

    Raises InvalidUser.
    """
    document = _without_nulls(document)
    username: Any = document.pop("username", None)
    _raise_if_any(chain(_new_username_faults(username), _faults(document)))
    return User.new(username.lower(), _with_defaults(document))


def parse_replacement(document: Document, *, username: str) -> Members:
    """All writable members from the body of a PUT to `username`.

    Raises InvalidUser.
    """
    document = _without_nulls(document)
    faults = _username_faults(document, username)
    document = _without_echo(document)
    _raise_if_any(chain(faults, _faults(document)))
    return _with_defaults(document)


def parse_merge_patch(patch: Document, members: Members, *, username: str) -> Members:
    """`members` after a JSON Merge Patch (RFC 7396), the body of a PATCH to `username`.

    Raises InvalidUser: the faults of the members that the patch touches, as they would be. The
    others are as some release took them, and stay.
    """
    faults = _username_faults(patch, username)
    # RFC 7396 would ignore the removal of what isn't there. A misspelt name isn't there either.
    faults += [_unknown(n) for n, v in patch.items() if v is None and n not in _KNOWN]
    removed: Iterable[str] = ()
    if isinstance(attributes := patch.get("attributes"), dict):
        removed = (n for n, v in attributes.items() if v is None)
    merged = _without_echo(_merged(dict(members), patch))
    touched = {name: merged[name] for name in patch if name in merged}
    _raise_if_any(chain(faults, _attribute_name_faults(removed), _faults(touched)))
    return _with_defaults(merged)


def _raise_if_any(faults: Iterator[Fault]) -> None:
    if first := next(faults, None):
        raise InvalidUser(chain((first,), faults))


def _without_echo(document: Document) -> Document:
    """Without what a client may send back as it read it, to no effect."""
    return {n: v for n, v in document.items() if n != "username" and n not in READ_ONLY}


def _merged(target: Document, patch: Document) -> Document:
    """RFC 7396, section 2."""
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
    """A null member means that the member is absent, an attribute's value included.

    An unknown member stays, to be found.
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
    """A client can send back the username that it read, in any case; it can't change it."""
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
    """Of all but the username."""
    for name, value in document.items():
        if name not in WRITABLE:
            yield _unknown(name)
        elif (
            not _is_member[name](value)
            or (name == "attributes" and not _is_short(value))
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
        if not _is_attribute_value(value) or not _is_kept_exactly(value):
            yield Fault(_pointer("attributes", name), f"must be {ATTRIBUTE_VALUE}")


def _is_visible(text: str) -> bool:
    """Whether any character of it shows."""
    import unicodedata  # noqa: PLC0415 a megabyte that a start has no use for

    return any(
        character not in INVISIBLE and unicodedata.category(character) not in INVISIBLE_CATEGORIES
        for character in text
    )


def _is_short(attributes: Document) -> bool:
    text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) <= ATTRIBUTES_MAX_BYTES


def _is_kept_exactly(value: Any) -> bool:
    """JSON's numbers have no limits; what clients read and write them with has."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        try:
            return -(2**63) <= value < 2**64 or int(float(value)) == value
        except OverflowError:
            return False
    return True


def _pointer(*path: str) -> str:
    """RFC 6901."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
