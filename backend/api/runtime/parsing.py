"""Makes users of documents, or says everything that is wrong with them."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from errors import Fault, InvalidUser
from models import Document, Members, User
from schema import (
    ATTRIBUTE_NAME,
    ATTRIBUTE_NAME_PATTERN,
    ATTRIBUTE_VALUE,
    ATTRIBUTES_MAX_BYTES,
    READ_ONLY,
    USERNAME,
    WRITABLE,
    Schema,
    time_zones,
)


def validator(schema: Schema) -> Draft202012Validator:
    """Judges by the schema, its formats included."""
    return Draft202012Validator(
        schema,
        formats={"iana-time-zone": lambda name: name in time_zones()},
        validate_formats=True,
    )


_KNOWN = frozenset({"username", *WRITABLE, *READ_ONLY})

# jsonschema-rs takes more than quadratic time for many wrong names, so they are checked here.
_attribute_name = re.compile(ATTRIBUTE_NAME_PATTERN)
_checked_by_schema: dict[str, Schema] = {
    **WRITABLE,
    "attributes": {k: v for k, v in WRITABLE["attributes"].items() if k != "propertyNames"},
}

_username_validator = validator(USERNAME)
_members_validator = validator(
    {"type": "object", "properties": _checked_by_schema, "additionalProperties": False}
)
_new_user_validator = validator(
    {
        "type": "object",
        "properties": {"username": USERNAME, **_checked_by_schema},
        "additionalProperties": False,
        "required": ["username"],
    }
)


def normalized_username(username: str) -> str | None:
    """The username as it is stored, or None for what can't be one."""
    return username.lower() if _username_validator.is_valid(username) else None


def parse_new_user(document: Document) -> User:
    """A new user from the body of a POST.

    Raises InvalidUser with every fault.
    """
    document = _without_nulls(document)
    faults = list(_faults(_new_user_validator, document))
    if faults:
        raise InvalidUser(faults)
    username = document.pop("username").lower()
    return User.new(username, _with_defaults(document))


def parse_replacement(document: Document, *, username: str) -> Members:
    """All writable members from the body of a PUT to `username`.

    Raises InvalidUser with every fault.
    """
    document = _without_nulls(document)
    return _parse_members(document, _username_faults(document, username))


def parse_merge_patch(patch: Document, members: Members, *, username: str) -> Members:
    """`members` after a JSON Merge Patch (RFC 7396), the body of a PATCH to `username`.

    Raises InvalidUser with every fault of the patch and of the merged user.
    """
    faults = _username_faults(patch, username)
    # RFC 7396 would ignore the removal of what isn't there. A misspelt name isn't there either.
    faults += [_unknown(n) for n, v in patch.items() if v is None and n not in _KNOWN]
    if isinstance(attributes := patch.get("attributes"), dict):
        faults += _attribute_name_faults(n for n, v in attributes.items() if v is None)
    return _parse_members(_merged(dict(members), patch), faults)


def _parse_members(document: Document, faults: list[Fault]) -> Members:
    for name in ("username", *READ_ONLY):
        document.pop(name, None)
    faults += _faults(_members_validator, document)
    if faults:
        raise InvalidUser(faults)
    return _with_defaults(document)


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


def _faults(validator: Draft202012Validator, document: Document) -> Iterator[Fault]:
    found: dict[Fault, None] = {}  # one length and one pattern missed are one fault, not two
    for error in validator.iter_errors(document):
        found.update(dict.fromkeys(_explained(error)))
    if isinstance(attributes := document.get("attributes"), dict):
        found.update(dict.fromkeys(_attribute_faults(attributes)))
    yield from found


def _explained(error: ValidationError) -> Iterator[Fault]:
    path, kind = error.instance_path, error.kind.as_dict()
    match path:
        case [] if error.kind.name == "required":
            name = kind["property"]
            yield Fault(_pointer(name), f"is required: {USERNAME['description']}")
        case []:
            yield from map(_unknown, kind["unexpected"])
        case ["username"]:
            yield Fault("/username", f"must be {USERNAME['description']}")
        case ["attributes", name]:
            yield Fault(_pointer("attributes", name), f"must be {ATTRIBUTE_VALUE}")
        case [name, *_]:
            yield Fault(_pointer(name), f"must be {WRITABLE[str(name)]['description']}")


def _attribute_faults(attributes: Document) -> Iterator[Fault]:
    yield from _attribute_name_faults(attributes)
    for name, value in attributes.items():
        if not isinstance(value, bool | str) and not _is_number_kept_exactly(value):
            yield Fault(_pointer("attributes", name), f"must be {ATTRIBUTE_VALUE}")
    if len(_compact(attributes).encode()) > ATTRIBUTES_MAX_BYTES:
        yield Fault("/attributes", f"must be {WRITABLE['attributes']['description']}")


def _attribute_name_faults(names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        if not _attribute_name.fullmatch(name):
            yield Fault(_pointer("attributes", name), f"must be {ATTRIBUTE_NAME}")


def _is_number_kept_exactly(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        try:
            return -(2**63) <= value < 2**64 or int(float(value)) == value
        except OverflowError:
            return False
    return False


def _pointer(*path: str | int) -> str:
    """RFC 6901."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
