"""The user: its schema, the rules that a schema can't express, and its states.

The schema is JSON Schema 2020-12. Validation, the texts of its errors and the storage follow
from it: to add a member, add it to WRITABLE. Each description completes "must be ...".
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from jsonschema_rs import Draft202012Validator, ValidationError

from errors import Fault, InvalidUser

type Document = dict[str, Any]
"""A JSON object, decoded."""

type Members = Mapping[str, Any]
"""The writable members that a user has; each follows its schema, none is null."""

_LETTER_OR_DIGIT = "[A-Za-z0-9]"
_DOMAIN_LABEL = f"{_LETTER_OR_DIGIT}(?:[A-Za-z0-9-]{{0,61}}{_LETTER_OR_DIGIT})?"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LANGUAGE = "(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})"
_VARIANT = "(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3})"
# RFC 5646, section 2.1: the tags that its grammar lists one by one, in any case like all others.
_IRREGULAR = "|".join(
    re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", tag)
    for tag in (
        *("en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux"),
        *("i-mingo", "i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu"),
        *("sgn-be-fr", "sgn-be-nl", "sgn-ch-de"),
    )
)
# ISO 3166-1; tests/unit/api/test_models.py compares them with pycountry's.
_COUNTRIES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM
    ZW
""".split()  # noqa: SIM905 a list would be ten times as long


def _text(max_length: int) -> Document:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": max_length,
        "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        "description": f"1 to {max_length} characters, none of them a control character",
    }


USERNAME: Final[Document] = {
    "type": "string",
    "pattern": f"^{_LETTER_OR_DIGIT}(?:[A-Za-z0-9._@+-]{{0,126}}{_LETTER_OR_DIGIT})?$",
    "description": "1 to 128 letters, digits, or . _ - @ +, the first and the last "
    "a letter or a digit",
}

WRITABLE: Final[dict[str, Document]] = {
    "email": {
        "type": "string",
        "maxLength": 254,
        # RFC 5321's Mailbox with a Dot-string of at most 64 and a Domain; quoted local parts and
        # address literals are left out, as everywhere on the web.
        "pattern": f"^(?=[^@]{{1,64}}@){_ATOM}(?:\\.{_ATOM})*"
        f"@{_DOMAIN_LABEL}(?:\\.{_DOMAIN_LABEL})*$",
        "description": "an ASCII email address of at most 254 characters, such as jane@example.com",
    },
    "status": {
        "type": "string",
        "enum": ["active", "suspended"],
        "default": "active",
        "description": "active or suspended",
    },
    "given_name": _text(256),
    "family_name": _text(256),
    "display_name": _text(256),
    "phone_number": {
        "type": "string",
        "pattern": "^\\+[1-9][0-9]{6,14}$",
        "description": "an E.164 number: + and 7 to 15 digits, the first not 0",
    },
    "locale": {
        "type": "string",
        # RFC 5646, section 2.1: a well-formed tag.
        "pattern": f"^(?:{_LANGUAGE}(?:-[A-Za-z]{{4}})?(?:-(?:[A-Za-z]{{2}}|[0-9]{{3}}))?"
        f"(?:-{_VARIANT})*(?:-[0-9A-WYZa-wyz](?:-[A-Za-z0-9]{{2,8}})+)*"
        f"(?:-[xX](?:-[A-Za-z0-9]{{1,8}})+)?|[xX](?:-[A-Za-z0-9]{{1,8}})+|{_IRREGULAR})$",
        "maxLength": 256,
        "description": "a BCP 47 language tag, such as en-US",
    },
    "zoneinfo": {
        "type": "string",
        "format": "iana-time-zone",
        "description": "the name of an IANA time zone, such as Europe/Berlin",
    },
    "country": {
        "type": "string",
        "enum": _COUNTRIES,
        "description": "an officially assigned ISO 3166-1 alpha-2 code in upper case, such as DE",
    },
    "state": _text(64),
    "attributes": {
        "type": "object",
        "maxProperties": 50,
        "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "additionalProperties": {"type": ["string", "boolean", "number"], "maxLength": 2048},
        "description": "an object of at most 50 members, of at most 16 KiB as JSON",
    },
}

READ_ONLY: Final = ("created_at", "updated_at", "version")

_ATTRIBUTE_NAME = "named with 1 to 64 letters, digits, _ or -"
_ATTRIBUTE_VALUE = (
    "a string of at most 2048 characters, a boolean, an integer from -2^63 to 2^64-1, "
    "or another finite IEEE 754 double"
)
_ATTRIBUTES_MAX_BYTES = 16 * 1024


@cache
def _time_zones() -> frozenset[str]:
    # Not zoneinfo.available_timezones(): Lambda's images have shipped without the data.
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def _validator(schema: Document) -> Draft202012Validator:
    return Draft202012Validator(
        schema,
        formats={"iana-time-zone": lambda name: name in _time_zones()},
        validate_formats=True,
    )


_username_validator = _validator(USERNAME)
_members_validator = _validator(
    {"type": "object", "properties": WRITABLE, "additionalProperties": False}
)
_new_user_validator = _validator(
    {
        "type": "object",
        "properties": {"username": USERNAME, **WRITABLE},
        "additionalProperties": False,
        "required": ["username"],
    }
)


class User(NamedTuple):
    """One state of a user.

    created_at, updated_at: RFC 3339 in UTC, with milliseconds.
    version: 1 at creation, one more with every change.
    etag: names this state and no other, also among users that had the username before.
    """

    username: str
    members: Members
    created_at: str
    updated_at: str
    version: int
    etag: str

    @classmethod
    def new(cls, username: str, members: Members) -> "User":
        """The first state of a user."""
        now = _now()
        return cls(username, members, now, now, 1, _new_etag())

    def changed(self, members: Members) -> "User":
        """The state with these members; this very state when they are the ones that it has."""
        if _canonical(members) == _canonical(self.members):
            return self
        # A clock that was set back must not make the change older than what it changes.
        updated_at = max(_now(), self.updated_at)
        return self._replace(
            members=members, updated_at=updated_at, version=self.version + 1, etag=_new_etag()
        )

    def to_document(self) -> Document:
        """The user as clients see it."""
        return {
            "username": self.username,
            **{name: self.members[name] for name in WRITABLE if name in self.members},
            **{name: getattr(self, name) for name in READ_ONLY},
        }


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
    # RFC 7396 would ignore the removal of a member that isn't there; a misspelt one isn't either.
    faults += [_unknown(name) for name, value in patch.items() if _is_unknown(name, value)]
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
    """A null member means that the member is absent, an attribute's value included."""
    result = {name: value for name, value in document.items() if value is not None}
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


def _is_unknown(name: str, value: Any) -> bool:
    # An unknown member that is set stays in the merged document, where the validator finds it.
    return value is None and name not in WRITABLE and name not in READ_ONLY and name != "username"


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
        case ["attributes"] if error.kind.name == "propertyNames":
            name = kind["error"].instance
            yield Fault(_pointer("attributes", name), f"must be {_ATTRIBUTE_NAME}")
        case ["attributes", name]:
            yield Fault(_pointer("attributes", name), f"must be {_ATTRIBUTE_VALUE}")
        case [name, *_]:
            yield Fault(_pointer(name), f"must be {WRITABLE[str(name)]['description']}")


def _attribute_faults(attributes: Document) -> Iterator[Fault]:
    for name, value in attributes.items():
        if not isinstance(value, bool | str) and not _is_number_kept_exactly(value):
            yield Fault(_pointer("attributes", name), f"must be {_ATTRIBUTE_VALUE}")
    if len(_compact(attributes).encode()) > _ATTRIBUTES_MAX_BYTES:
        yield Fault("/attributes", f"must be {WRITABLE['attributes']['description']}")


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


def _canonical(members: Members) -> str:
    """Equal for equal members only; 1, 1.0 and true, which Python takes for equal, differ."""
    return json.dumps(members, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _new_etag() -> str:
    return os.urandom(12).hex()
