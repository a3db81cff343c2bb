"""The user's schema (JSON Schema 2020-12), and constants for rules that it can't express.

Validation, error messages, storage and documentation follow from it: to add a member, add it to
WRITABLE. Each description completes "must be ...".
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

type Schema = dict[str, Any]

EMAIL_LOCAL_MAX_LENGTH: Final = 64

_LETTER_OR_DIGIT = "[A-Za-z0-9]"
_DOMAIN_LABEL = f"{_LETTER_OR_DIGIT}(?:[A-Za-z0-9-]{{0,61}}{_LETTER_OR_DIGIT})?"
# The $ is escaped because fastjsonschema takes it for the end even in a set of characters.
_ATOM = "[A-Za-z0-9!#\\$%&'*+/=?^_`{|}~-]+"
_LANGUAGE = "(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})"
_VARIANT = "(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3})"
# The tags that RFC 5646, section 2.1, lists one by one; upper and lower case make no difference.
_IRREGULAR = "|".join(
    re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", tag)
    for tag in (
        *("en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux"),
        *("i-mingo", "i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu"),
        *("sgn-be-fr", "sgn-be-nl", "sgn-ch-de"),
    )
)
# ISO 3166-1. A test compares them with pycountry's.
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

_WITHOUT_CONTROLS = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"


def _text(max_length: int) -> Schema:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": max_length,
        "pattern": _WITHOUT_CONTROLS,
        "description": f"a string of 1 to {max_length} characters, not all of them invisible, "
        "without control characters",
    }


USERNAME: Final[Schema] = {
    "type": "string",
    "maxLength": 128,
    "pattern": f"^{_LETTER_OR_DIGIT}(?:[A-Za-z0-9._@+-]{{0,126}}{_LETTER_OR_DIGIT})?$",
    "description": "1 to 128 letters, digits, or . _ - @ +, the first and the last "
    "a letter or a digit",
}

WRITABLE: Final[dict[str, Schema]] = {
    "email": {
        "type": "string",
        "format": "email",
        "maxLength": 254,
        # RFC 5321's Mailbox with a Dot-string and a Domain. As on most of the web, quoted local
        # parts and address literals aren't allowed. The format checks the Dot-string's length: a
        # pattern would need lookahead, which RE2 and Rust's regex don't have.
        "pattern": f"^{_ATOM}(?:\\.{_ATOM})*@{_DOMAIN_LABEL}(?:\\.{_DOMAIN_LABEL})*$",
        "description": "an ASCII email address of at most 254 characters, "
        f"at most {EMAIL_LOCAL_MAX_LENGTH} of them before the @, such as jane@example.com",
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
        "maxLength": 16,
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
        "maxLength": 64,
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

# The query of GET /users; each description completes "Send ... as".
LIST_PARAMETERS: Final[dict[str, Schema]] = {
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 25,
        "description": "an integer from 1 to 100",
    },
    "cursor": {
        "type": "string",
        "maxLength": 182,
        "pattern": "^[A-Za-z0-9_-]{12,182}$",
        "description": "the next_cursor of the previous page",
    },
    "username_prefix": {
        "type": "string",
        "maxLength": 128,
        "pattern": f"^{_LETTER_OR_DIGIT}[A-Za-z0-9._@+-]{{0,127}}$",
        "description": "1 to 128 characters that a username can begin with",
    },
    "status": WRITABLE["status"],
    "email": WRITABLE["email"],
}

READ_ONLY: Final = ("created_at", "updated_at", "version")

# Members that people read must have a visible character: one whose Unicode category is none of
# INVISIBLE_CATEGORIES (control and format characters, separators) and that isn't in INVISIBLE
# (other Default_Ignorable_Code_Points, and blank characters). Dialects of regular expressions share
# no way to say this in a pattern.
TEXTS: Final = frozenset(n for n, s in WRITABLE.items() if s.get("pattern") == _WITHOUT_CONTROLS)
INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
INVISIBLE: Final = frozenset(
    [
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0",
        *map(chr, range(0xFE00, 0xFE10)),  # variation selectors
        *map(chr, range(0xFFF0, 0xFFF9)),
        *map(chr, range(0xE0000, 0xE1000)),
    ]
)

ATTRIBUTE_NAME: Final = "named with 1 to 64 letters, digits, _ or -"
ATTRIBUTE_VALUE: Final = (
    "a string of at most 2048 characters, a boolean, or a number in the range of an IEEE 754 "
    "double; an integer beyond -2^63 to 2^64-1 must be exactly a double"
)
ATTRIBUTES_MAX_BYTES: Final = 16 * 1024


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the IANA time zones."""
    # Not zoneinfo.available_timezones(): Lambda's images have shipped without the data.
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())
