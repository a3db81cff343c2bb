import copy
import json
import re
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.users import schema, validation
from backend.users.errors import Fault, InvalidUser
from backend.users.models import Members, User

FUTURE = "2999-12-31T23:59:59.999Z"
KELVIN_SIGN = "\N{KELVIN SIGN}"  # its lower case is the ASCII letter k
NOT_STRINGS = [1, 1.5, True, [], {}, ["x"], {"x": "y"}]


def user(**members: Any) -> User:
    return validation.parse_new_user({"username": "jane", **members})


def create(document: dict[str, Any]) -> User:
    return validation.parse_new_user({"username": "jane", **document})


def replace(document: dict[str, Any]) -> Members:
    return validation.parse_replacement(document, username="jane")


def patch(document: dict[str, Any], members: Members | None = None) -> Members:
    return validation.parse_merge_patch(document, members or {"status": "active"}, username="jane")


WRITES: list[Callable[[dict[str, Any]], object]] = [create, replace, patch]
every_write = pytest.mark.parametrize("write", WRITES)


def pointers(write: Callable[[dict[str, Any]], object], document: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidUser) as caught:
        write(document)
    return sorted(fault.pointer for fault in caught.value.faults)


def faults_of(write: Callable[[dict[str, Any]], object], document: dict[str, Any]) -> list[Fault]:
    try:
        write(document)
    except InvalidUser as error:
        return error.faults
    return []


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


# Members, one by one


# Of each member, what every write takes as it is, and what every write refuses.

LIMITS = {"given_name": 256, "family_name": 256, "display_name": 256, "state": 64}
CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
UNSEEN = [
    *(" ", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}" * 3, "\u2028", "\N{SOFT HYPHEN}"),
    *("\u200b", "\u200e\u202e", "\ufeff", "\U000e0041", " \u2060 ", "\N{HANGUL FILLER}"),
    *("\N{BRAILLE PATTERN BLANK}", "\ufe0f", "\U000e0100", "\u034f", "\u180e", "\u17b4"),
]
TAKEN: dict[str, list[str]] = {
    "username": ["a", "7", "ab", "a.b", "a_b", "a-b", "a+b", "j@example.com", "a..b", "a" * 128],
    "email": [
        "jane@example.com",
        "Jane.Doe+news@Sub.Example-Host.COM",
        "o'neil!#$%&*/=?^_`{|}~-@example.com",
        "jane@localhost",
        "jane@xn--bcher-kva.example",
        "jane@ab--cd.example",
        "j" * 64 + "@example.com",
        "j@" + "e" * 63 + ".com",
        "j@" + ".".join(["e" * 62] * 4),  # 2 + 4 * 62 + 3 = 253
        "jj@" + ".".join(["e" * 62] * 4),
    ],
    "status": ["active", "suspended"],
    "phone_number": ["+1234567", "+4915112345678", "+123456789012345", "+9000000"],
    "locale": [
        *("en", "en-US", "de-CH-1996", "zh-Hant-TW", "zh-yue-HK", "es-419", "sl-rozaj-biske"),
        *("en-u-ca-gregory", "de-DE-u-co-phonebk-x-private", "x-whatever", "haw"),
        *("art-lojban", "zh-min-nan", "i-klingon", "sgn-BE-FR", "en-GB-oed"),
        # RFC 5646, section 2.1.1: case never tells tags apart.
        *("EN-us", "ZH-hANT-tw", "X-Whatever", "I-Klingon", "sgn-be-fr", "EN-gb-OED"),
        "en-x" + "-abcdefg" * 31 + "-abc",  # 256 characters
    ],
    "zoneinfo": ["America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5", "Asia/Calcutta"],
    **{
        name: [
            *("x", *(character * limit for character in "xé名😀~\u0301\ue000")),
            # Emoji and some languages need what nobody sees beside what is seen.
            *(text for unseen in UNSEEN for text in (unseen + "x", "x" + unseen)),
        ]
        for name, limit in LIMITS.items()
    },
}
REFUSED: dict[str, list[str]] = {
    "username": [
        *("", ".a", "a.", "-a", "a-", "_a", "a_", "@a", "a@", "+a", "a+", "-"),
        *("a b", " a", "a ", "a\n", "\na", "a\x00b", "a/b", "a%b", "a#b", "jäne", "a" * 129),
        *(KELVIN_SIGN, "a" + KELVIN_SIGN),
    ],
    "email": [
        *("", "jane", "@", "jane@", "@example.com", "a@b@example.com", "jane doe@example.com"),
        *(".a@example.com", "a.@example.com", "a..b@example.com"),
        *("a@.com", "a@example..com", "a@example.com.", "a@-b.com", "a@b-.com", "a@b_c.com"),
        *("jäne@example.com", "jane@exämple.com", "jane@example.com\n", "jane@example.com "),
        *("j" * 65 + "@example.com", "j@" + "e" * 64 + ".com"),
        *("jjj@" + ".".join(["e" * 62] * 4), "Jane <jane@example.com>"),
    ],
    "status": ["", "Active", "ACTIVE", "deleted", "active "],
    "phone_number": [
        *("", "+", "+123456", "+1234567890123456", "+0234567", "1234567", "00491511234567"),
        *("+49 151 1234567", "+49-151-1234567", "+1234567x", "+1234567\n", " +1234567"),
        "+١٢٣٤٥٦٧",
    ],
    "locale": [
        *("", "e", "en_US", "en-", "-en", "en--US", "en-US-", "123", "abcdefghi", "en US"),
        *("en-US\n", "en-u", "en-x", "x", "a-DE", "en-US.UTF-8", "dé", "i-unheard"),
        "en-x" + "-abcdefg" * 31 + "-abcd",
    ],
    "zoneinfo": [
        *("", "Europe/Atlantis", "Europe", "Europe/", "europe/berlin", "Berlin", "+01:00"),
        *("../zoneinfo/UTC", "/etc/localtime", "Europe/Berlin\n", " UTC", "zone.tab"),
    ],
    "country": ["", "de", "De", "DEU", "276", "D", "DE\n", "XK"],
    **{
        name: [
            *("", "x" * (limit + 1), "😀" * (limit + 1), "\n" * (limit + 1), *UNSEEN),
            *(text for c in CONTROLS for text in (c, f"a{c}b", f"a{c}")),
        ]
        for name, limit in LIMITS.items()
    },
}


@pytest.mark.parametrize("name", TAKEN)
def test_takes_as_it_is(name: str) -> None:
    def taken(value: str) -> object:
        try:
            return create({name: value}).to_document()[name]
        except InvalidUser as error:
            return error

    assert [(v, taken(v)) for v in TAKEN[name] if taken(v) != v] == []


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    for write in WRITES:
        for value in (*REFUSED[name], *NOT_STRINGS):
            found = [fault.pointer for fault in faults_of(write, {name: value})]
            assert found == [f"/{name}"], (write, value)


@pytest.mark.parametrize("document", [{}, {"username": None}, {"email": "jane@example.com"}])
def test_a_new_user_needs_a_username(document: dict[str, Any]) -> None:
    assert pointers(validation.parse_new_user, document) == ["/username"]


def test_stores_the_username_in_lower_case() -> None:
    assert (
        validation.parse_new_user({"username": "Jane.DOE@Example"}).username == "jane.doe@example"
    )


@pytest.mark.parametrize(
    ("username", "stored"),
    [
        *[("JANE", "jane"), ("jane", "jane"), ("A@B", "a@b"), ("-a", None), ("", None)],
        *[("a\n", None), (KELVIN_SIGN, None)],
    ],
)
def test_normalizes_a_username(username: str, stored: str | None) -> None:
    assert validation.normalized_username(username) == stored


def test_takes_every_time_zone_of_the_database() -> None:
    zones = files("tzdata").joinpath("zones").read_text("utf-8").split()
    assert len(zones) > 400
    for zone in zones:
        user(zoneinfo=zone)


def is_country(code: str) -> bool:
    return not faults_of(create, {"country": code})


def test_the_countries_are_those_of_iso_3166() -> None:
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    codes = {a + b for a in letters for b in letters}
    assert set(filter(is_country, codes)) == {country.alpha_2 for country in pycountry.countries}


# Attributes


@pytest.mark.parametrize("name", ["a", "Z", "0", "_", "-", "a-B_9", "x" * 64])
def test_takes_an_attribute_name(name: str) -> None:
    assert user(attributes={name: 1}).members["attributes"] == {name: 1}


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("", "/attributes/"),
        ("a b", "/attributes/a b"),
        ("a.b", "/attributes/a.b"),
        ("é", "/attributes/é"),
        ("a\n", "/attributes/a\n"),
        ("x" * 65, "/attributes/" + "x" * 65),
        ("a/b", "/attributes/a~1b"),
        ("a~b", "/attributes/a~0b"),
        ("~1/", "/attributes/~01~1"),
    ],
)
def test_refuses_an_attribute_name(name: str, pointer: str) -> None:
    assert pointers(create, {"attributes": {name: 1}}) == [pointer]


@pytest.mark.parametrize(
    "literal",
    [
        *('""', '"x"', '"\\n\\u0000"', '"😀"', "true", "false"),
        *("0", "1", "-1", "1.0", "0.1", "-0.0", "1e10", "5e-324", "1.7976931348623157e+308"),
        *(str(-(2**63)), str(2**63), str(2**64 - 1)),
        # Beyond the integers: exact as a double, so it comes back as it went in.
        *(str(2**64), str(-(2**64)), str(2**1000)),
    ],
)
def test_an_attribute_comes_back_as_it_went_in(literal: str) -> None:
    value = json.loads(literal)
    kept = user(attributes={"a": value}).to_document()["attributes"]["a"]
    assert (type(kept), json.dumps(kept)) == (type(value), json.dumps(value))


@pytest.mark.parametrize(
    "literal",
    [
        *("[]", "[1]", "{}", '{"a": 1}', "[null]"),
        *("NaN", "1e400", "-1e400", str(2**64 + 1), str(-(2**63) - 1), str(2**1024), "9" * 4000),
    ],
)
def test_refuses_an_attribute(literal: str) -> None:
    attributes = {"good": 1, "bad": json.loads(literal)}
    for write in WRITES:
        assert pointers(write, {"attributes": attributes}) == ["/attributes/bad"]


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_an_attribute_has_at_most_2048_characters(character: str) -> None:
    user(attributes={"a": character * 2048})
    assert pointers(create, {"attributes": {"a": character * 2049}}) == ["/attributes/a"]


def test_attributes_have_at_most_50_members() -> None:
    user(attributes=dict.fromkeys(map(str, range(50)), 1))
    too_many = dict.fromkeys(map(str, range(51)), 1)
    assert pointers(create, {"attributes": too_many}) == ["/attributes"]


def attributes_of(size: int) -> dict[str, str]:
    """Attributes that have `size` bytes as JSON; names of one character."""
    full = dict.fromkeys("abcdefgh", "x" * 2000)
    rest = size - len(json.dumps(full, separators=(",", ":"))) - len(',"i":""')
    return {**full, "i": "x" * rest}


@every_write
def test_attributes_have_at_most_16_kib(write: Callable[[dict[str, Any]], object]) -> None:
    write({"attributes": attributes_of(16 * 1024)})
    assert pointers(write, {"attributes": attributes_of(16 * 1024 + 1)}) == ["/attributes"]


def test_the_limit_of_16_kib_counts_bytes_of_utf_8() -> None:
    attributes = attributes_of(16 * 1024)
    attributes["i"] = "é" + attributes["i"][1:]
    assert pointers(create, {"attributes": attributes}) == ["/attributes"]


@every_write
def test_refuses_attributes_that_are_no_object(write: Callable[[dict[str, Any]], object]) -> None:
    values: list[object] = ["x", 1, True, [], [{}]]
    for value in values:
        assert pointers(write, {"attributes": value}) == ["/attributes"]


@every_write
def test_refuses_nested_attributes(write: Callable[[dict[str, Any]], object]) -> None:
    assert pointers(write, {"attributes": {"a": nested(20), "b": [[[]]]}}) == [
        "/attributes/a",
        "/attributes/b",
    ]


# Documents


@every_write
def test_says_every_fault_at_once(write: Callable[[dict[str, Any]], object]) -> None:
    document = {
        "email": "jane",
        "status": "gone",
        "given_name": "",
        "family_name": "\n",
        "display_name": 1,
        "phone_number": "1",
        "locale": "en_US",
        "zoneinfo": "Europe/Atlantis",
        "country": "de",
        "state": "x" * 65,
        "attributes": {"a": [], "b c": 1, "d": "x" * 2049, "e": 2**64 + 1},
        "emial": "x",
        "a/b~c": "x",
    }
    expected = [f"/{name}" for name in document if name not in ("attributes", "a/b~c")]
    expected += ["/a~1b~0c", "/attributes/a", "/attributes/b c", "/attributes/d", "/attributes/e"]
    assert pointers(write, document) == sorted(expected)


def test_says_that_the_username_is_missing_beside_the_other_faults() -> None:
    document = {"email": "jane", "unheard": 1}
    assert pointers(validation.parse_new_user, document) == ["/email", "/unheard", "/username"]


def test_a_wrong_name_and_a_wrong_value_of_an_attribute_are_two_faults() -> None:
    assert pointers(create, {"attributes": {"a b": []}}) == ["/attributes/a b"] * 2


@every_write
def test_no_detail_repeats_what_the_client_sent(
    write: Callable[[dict[str, Any]], object],
) -> None:
    document = dict.fromkeys(schema.WRITABLE, "s3cret\n")
    with pytest.raises(InvalidUser) as caught:
        write(document)
    assert len(caught.value.faults) == len(schema.WRITABLE)
    assert all("s3cret" not in fault.detail for fault in caught.value.faults)
    assert "s3cret" not in str(caught.value)


@every_write
def test_refuses_unknown_members(write: Callable[[dict[str, Any]], object]) -> None:
    for name in ("emial", "Email", "id", "password", "etag", "__proto__", "", " "):
        assert pointers(write, {name: "x"}) == [f"/{name}"]


def test_a_patch_that_removes_an_unknown_member_is_refused() -> None:
    assert pointers(patch, {"emial": None}) == ["/emial"]


@pytest.mark.parametrize("name", schema.READ_ONLY)
def test_a_new_user_has_no_read_only_members_to_send(name: str) -> None:
    assert pointers(create, {name: "x"}) == [f"/{name}"]


@pytest.mark.parametrize("write", [replace, patch])
@pytest.mark.parametrize("name", schema.READ_ONLY)
def test_ignores_read_only_members_in_changes(
    write: Callable[[dict[str, Any]], Members], name: str
) -> None:
    values: list[object] = ["x", 7, None, [], {"a": None}]
    for value in values:
        assert write({name: value}) == {"status": "active"}


@pytest.mark.parametrize("write", [replace, patch])
@pytest.mark.parametrize("username", ["jane", "JANE", "Jane"])
def test_ignores_the_username_of_the_path_in_changes(
    write: Callable[[dict[str, Any]], Members], username: str
) -> None:
    assert write({"username": username}) == {"status": "active"}


@pytest.mark.parametrize("write", [replace, patch])
def test_refuses_another_username_in_changes(write: Callable[[dict[str, Any]], object]) -> None:
    for username in ("john", "", "jane ", "jane\n", *NOT_STRINGS):
        assert pointers(write, {"username": username, "email": "x"}) == ["/email", "/username"]


def test_a_letter_whose_lower_case_is_ascii_is_another_username() -> None:
    with pytest.raises(InvalidUser):
        validation.parse_replacement({"username": KELVIN_SIGN}, username="k")
    with pytest.raises(InvalidUser):
        validation.parse_merge_patch({"username": KELVIN_SIGN}, {}, username="k")


# What PUT says of a null; PATCH can't mean anything but a removal, which is refused.
def test_a_null_username_is_an_absent_one() -> None:
    assert replace({"username": None}) == {"status": "active"}


@pytest.mark.parametrize("name", schema.WRITABLE)
def test_a_null_member_is_an_absent_one(name: str) -> None:
    assert user(**{name: None}).members == {"status": "active"}
    assert replace({name: None}) == {"status": "active"}


@every_write
def test_an_unknown_member_is_unknown_when_it_is_null(
    write: Callable[[dict[str, Any]], object],
) -> None:
    assert pointers(write, {"unheard": None}) == ["/unheard"]


def test_a_patch_that_removes_an_attribute_no_user_can_have_is_refused() -> None:
    assert pointers(patch, {"attributes": {"a b": None, "a": None}}) == ["/attributes/a b"]


def test_many_wrong_names_are_found_in_no_time() -> None:
    started = time.process_time()
    faults = pointers(create, {"attributes": {f"~{number}": 1 for number in range(6000)}})
    assert len(faults) == 100
    assert time.process_time() - started < 5  # a hundred times what it takes


@pytest.mark.parametrize(
    ("document", "first"),
    [
        ({"attributes": {f"~{n}": [] for n in range(7000)}}, "/attributes"),  # too many of them
        ({"attributes": {f"x{n}": [] for n in range(50)} | {"y" * 50: 1}}, "/attributes"),
        ({f"unknown{n}": 1 for n in range(5000)}, "/unknown0"),
        ({f"unknown{n}": None for n in range(5000)}, "/unknown0"),
    ],
)
@every_write
def test_the_first_hundred_faults_are_listed(
    write: Callable[[dict[str, Any]], object], document: dict[str, Any], first: str
) -> None:
    with pytest.raises(InvalidUser) as caught:
        write(document)
    with pytest.raises(InvalidUser) as again:
        write(copy.deepcopy(document))
    faults = [fault.pointer for fault in caught.value.faults]
    assert faults == [fault.pointer for fault in again.value.faults]
    assert (faults[0], len(faults) <= 100) == (first, True)
    is_cut = len(faults) == 100
    assert ("the first 100 faults" in str(caught.value)) is is_cut
    assert is_cut is (len(document) > 100 or len(document["attributes"]) > 100)


@pytest.mark.parametrize("count", [99, 100, 101])
def test_a_hundred_faults_are_not_too_many(count: int) -> None:
    with pytest.raises(InvalidUser) as caught:
        replace({f"unknown{n}": 1 for n in range(count)})
    assert len(caught.value.faults) == min(count, 100)
    assert ("first" in str(caught.value)) is (count > 100)


def test_what_a_patch_leaves_alone_stays_as_some_release_took_it() -> None:
    """Rules became stricter; whoever has what they refuse now can still be changed otherwise."""
    members = {"status": "active", "given_name": " ", "attributes": {"a": 1}}
    assert patch({"state": "Bonn"}, members) == {**members, "state": "Bonn"}
    assert patch({"given_name": None}, members) == {"status": "active", "attributes": {"a": 1}}
    assert pointers(lambda document: patch(document, members), {"given_name": " "})


def test_a_null_attribute_is_an_absent_one() -> None:
    attributes = {"a": None, "b": 1}
    assert user(attributes=attributes).members["attributes"] == {"b": 1}
    assert replace({"attributes": attributes})["attributes"] == {"b": 1}


def test_a_null_deeper_down_is_no_value() -> None:
    assert pointers(create, {"attributes": {"a": [None]}}) == ["/attributes/a"]


def test_a_replacement_has_only_what_the_document_has() -> None:
    document = {"email": "jane@example.com", "status": "suspended"}
    assert replace(document) == document
    assert replace({}) == {"status": "active"}


@every_write
def test_leaves_the_document_as_it_was(write: Callable[[dict[str, Any]], object]) -> None:
    document = {
        "username": "jane",
        "email": None,
        "attributes": {"a": None, "b": 1},
        "given_name": "Jane",
    }
    before = json.dumps(document)
    write(document)
    assert json.dumps(document) == before


# Merge patches

BEFORE = {
    "email": "jane@example.com",
    "status": "suspended",
    "attributes": {"a": 1, "b": "x"},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, BEFORE),
        ({"given_name": "Jane"}, {**BEFORE, "given_name": "Jane"}),
        ({"email": "j@example.com"}, {**BEFORE, "email": "j@example.com"}),
        ({"email": None}, {"status": "suspended", "attributes": {"a": 1, "b": "x"}}),
        ({"given_name": None}, BEFORE),
        ({"status": None}, {**BEFORE, "status": "active"}),
        ({"attributes": {"c": True}}, {**BEFORE, "attributes": {"a": 1, "b": "x", "c": True}}),
        ({"attributes": {"a": 2}}, {**BEFORE, "attributes": {"a": 2, "b": "x"}}),
        ({"attributes": {"a": None}}, {**BEFORE, "attributes": {"b": "x"}}),
        ({"attributes": {"c": None}}, BEFORE),
        ({"attributes": {}}, BEFORE),
        ({"attributes": {"a": None, "b": None}}, {**BEFORE, "attributes": {}}),
        ({"attributes": None}, {"email": "jane@example.com", "status": "suspended"}),
    ],
)
def test_merges_a_patch(change: dict[str, Any], expected: dict[str, Any]) -> None:
    assert patch(change, BEFORE) == expected


def test_merges_attributes_into_a_user_that_has_none() -> None:
    merged = patch({"attributes": {"a": 1, "b": None}}, {"status": "active"})
    assert merged == {"status": "active", "attributes": {"a": 1}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"email": {"a": None}}, ["/email"]),
        ({"attributes": {"a": {"b": None}}}, ["/attributes/a"]),
        ({"attributes": {"a": {}}}, ["/attributes/a"]),
        ({"attributes": [1]}, ["/attributes"]),
        ({"emial": {"a": None}}, ["/emial"]),
        ({"username": None}, ["/username"]),
    ],
)
def test_refuses_what_a_patch_would_make(change: dict[str, Any], expected: list[str]) -> None:
    assert pointers(lambda document: patch(document, BEFORE), change) == expected


def test_the_limit_on_attributes_holds_for_the_merged_user() -> None:
    full = {"status": "active", "attributes": dict.fromkeys(map(str, range(50)), 1)}
    assert pointers(lambda document: patch(document, full), {"attributes": {"new": 1}}) == [
        "/attributes"
    ]
    assert len(patch({"attributes": {"new": 1, "0": None}}, full)["attributes"]) == 50


def test_the_limit_of_16_kib_holds_for_the_merged_user() -> None:
    full = {"status": "active", "attributes": attributes_of(16 * 1024)}
    assert pointers(lambda document: patch(document, full), {"attributes": {"z": 1}}) == [
        "/attributes"
    ]


def test_a_patch_leaves_the_state_before_as_it_was() -> None:
    before = json.dumps(BEFORE)
    patch({"attributes": {"a": None, "c": 1}, "email": None}, BEFORE)
    assert json.dumps(BEFORE) == before


# Properties

_ATTRIBUTE_VALUES = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=50)
)
# Text of which at least one character shows.
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=63).map(
    lambda text: f"{text}x"
)
_WORD = st.text("abcXYZ019", min_size=1, max_size=40)
_VALID = st.fixed_dictionaries(
    {"username": st.lists(_WORD, min_size=1, max_size=3).map("+_.-@".join)},
    optional={
        "email": st.tuples(_WORD, _WORD).map("@".join),
        "status": st.sampled_from(["active", "suspended"]),
        "given_name": _TEXT,
        "family_name": _TEXT,
        "display_name": _TEXT,
        "state": _TEXT,
        "phone_number": st.integers(10**6, 10**15 - 1).map("+{}".format),
        "locale": st.sampled_from(["en", "en-US", "zh-Hant-TW", "x-private"]),
        "zoneinfo": st.sampled_from(["UTC", "Europe/Berlin"]),
        "country": st.sampled_from(["DE", "US"]),
        "attributes": st.dictionaries(
            st.text("aZ09_-", min_size=1, max_size=64), _ATTRIBUTE_VALUES, max_size=20
        ),
    },
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()  # infinite too: JSON's 1e400
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=10,
)
_NAMES = st.sampled_from(["username", *schema.WRITABLE, *schema.READ_ONLY, "unheard", "a/b~c"])
_OBJECTS = st.dictionaries(_NAMES, _JSON, max_size=8)


@given(_VALID)
def test_a_valid_document_round_trips(document: dict[str, Any]) -> None:
    state = validation.parse_new_user(document)
    shown = json.loads(json.dumps(state.to_document()))
    expected = {"status": "active", **document, "username": document["username"].lower()}
    assert {k: v for k, v in shown.items() if k not in schema.READ_ONLY} == expected
    assert json.dumps(state.members, sort_keys=True) == json.dumps(
        {k: v for k, v in expected.items() if k != "username"}, sort_keys=True
    )


@given(_VALID)
def test_what_a_client_reads_it_can_send_back_without_a_change(document: dict[str, Any]) -> None:
    state = validation.parse_new_user(document)
    shown = json.loads(json.dumps(state.to_document()))
    username = state.username
    assert state.changed(validation.parse_replacement(shown, username=username)) is state
    assert (
        state.changed(validation.parse_merge_patch(shown, state.members, username=username))
        is state
    )


@given(_OBJECTS)
def test_any_object_is_valid_or_says_what_is_wrong_with_it(document: dict[str, Any]) -> None:
    before = repr(document)
    for write in WRITES:
        for fault in faults_of(write, document):
            assert re.fullmatch(r"(/([^~/]|~[01])*)+", fault.pointer, re.DOTALL)
            assert fault.detail
    assert repr(document) == before


@given(_VALID, _VALID)
def test_a_patch_applied_twice_changes_nothing_the_second_time(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    state = validation.parse_new_user(first)
    change = {name: value for name, value in second.items() if name != "username"}
    once = state.changed(
        validation.parse_merge_patch(change, state.members, username=state.username)
    )
    again = once.changed(
        validation.parse_merge_patch(change, once.members, username=state.username)
    )
    assert again is once
