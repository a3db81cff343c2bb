"""RFC 9110, section 13."""

import pytest

from backend.api.runtime.errors import MalformedRequest, NotModified, PreconditionFailed
from backend.api.runtime.preconditions import Preconditions, entity_tag
from backend.users.models import User

ETAG = "5d8c72a5edda8d6a"
USER = User(
    username="jane",
    members={"status": "active"},
    created_at="2026-01-01T00:00:00.000Z",
    updated_at="2026-01-01T00:00:00.000Z",
    version=1,
    etag=ETAG,
)

# Lists that hold the user's tag, strong.
STRONG = [
    f'"{ETAG}"',
    f' \t"{ETAG}"\t ',
    f'"other", "{ETAG}"',
    f'"{ETAG}","other"',
    f'"other" ,\t"{ETAG}" , W/"more"',
    f',, "{ETAG}" ,,',  # section 5.6.1: empty elements don't count
    f'W/"{ETAG}", "{ETAG}"',
    f'"a,b", "{ETAG}"',
    f'"\xe9", "{ETAG}"',
]
WEAK = [f'W/"{ETAG}"', f'"other", W/"{ETAG}"', f'W/"other",W/"{ETAG}"']
OTHER = [
    '"other"',
    'W/"other"',
    '""',
    f'"{ETAG}x"',
    f'"{ETAG[:-1]}"',
    f'"{ETAG.upper()}"',
    f'"a,{ETAG},b"',
    f'"W/{ETAG}"',
    '"*"',
]
ANY = ["*", " * "]
MALFORMED = [
    *(ETAG, f'"{ETAG}', f'{ETAG}"', f"'{ETAG}'", f'w/"{ETAG}"', f'W/ "{ETAG}"', f"W/{ETAG}"),
    *(f'"{ETAG}" "other"', f'"{ETAG}"; "other"', f'"{ETAG}"x', '"a b"', '"a"b"', '"a\x7f"'),
    *(f'*, "{ETAG}"', f'"{ETAG}", *', "**", "W/*", '"\u20ac"', '"a\nb"', f'"{ETAG}", other'),
]


def check(*, safe: bool, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    Preconditions.of(named).check(USER, safe=safe)


@pytest.mark.parametrize("safe", [True, False], ids=["safe", "unsafe"])
def test_no_condition_always_holds(safe: bool) -> None:
    check(safe=safe)


@pytest.mark.parametrize("value", STRONG + ANY)
def test_if_match_holds(value: str) -> None:
    check(safe=True, if_match=value)
    check(safe=False, if_match=value)


@pytest.mark.parametrize("value", WEAK + OTHER)
def test_if_match_fails(value: str) -> None:
    for safe in (True, False):
        with pytest.raises(PreconditionFailed):
            check(safe=safe, if_match=value)


@pytest.mark.parametrize("value", OTHER)
def test_if_none_match_holds(value: str) -> None:
    check(safe=True, if_none_match=value)
    check(safe=False, if_none_match=value)


@pytest.mark.parametrize("value", STRONG + WEAK + ANY)
def test_if_none_match_makes_reading_needless_and_stops_writing(value: str) -> None:
    with pytest.raises(NotModified) as caught:
        check(safe=True, if_none_match=value)
    assert caught.value.etag == ETAG
    with pytest.raises(PreconditionFailed):
        check(safe=False, if_none_match=value)


def test_if_match_counts_before_if_none_match() -> None:
    with pytest.raises(PreconditionFailed):
        check(safe=True, if_match='"other"', if_none_match=f'"{ETAG}"')


def test_both_conditions_must_hold() -> None:
    check(safe=False, if_match=f'"{ETAG}"', if_none_match='"other"')
    with pytest.raises(NotModified):
        check(safe=True, if_match=f'"{ETAG}"', if_none_match=f'"{ETAG}"')


@pytest.mark.parametrize("value", MALFORMED)
def test_refuses_what_is_no_list_of_entity_tags(value: str) -> None:
    for name in ("if-match", "if-none-match"):
        with pytest.raises(MalformedRequest, match=name):
            Preconditions.of({name: value})


def test_a_refusal_does_not_repeat_the_header() -> None:
    with pytest.raises(MalformedRequest) as caught:
        Preconditions.of({"if-match": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_reads_a_long_list_that_ends_badly_in_time_that_grows_with_its_length() -> None:
    # The gateway takes 10,240 bytes of header fields.
    for bad in (", \t" * 3_000 + "x", '"a", ' * 2_000 + "x", '"a"' + " ," * 5_000 + "x"):
        with pytest.raises(MalformedRequest):
            Preconditions.of({"if-match": bad})


def test_other_headers_are_no_conditions() -> None:
    assert Preconditions.of({"if-modified-since": "x", "etag": "x"}) == (None, None)


def test_an_entity_tag_matches_itself() -> None:
    assert entity_tag(ETAG) == f'"{ETAG}"'
    check(safe=False, if_match=entity_tag(USER.etag))
