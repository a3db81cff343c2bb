import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import MalformedRequest
from idempotency import read_attempt
from users import Attempt


def of(claims: dict[str, str], key: str = "key", **document: Any) -> Attempt:
    made = read_attempt({"idempotency-key": key}, claims, document)
    assert made is not None
    return made


def attempt(key: str = "key", caller: str = "caller", **document: Any) -> Attempt:
    return of({"sub": caller}, key, **document)


def test_a_request_without_a_key_is_no_attempt() -> None:
    assert read_attempt({}, {"sub": "caller"}, {}) is None
    assert read_attempt({}, {}, {}) is None


@pytest.mark.parametrize("key", ["k", "k" * 255, '"quoted"', "!#~", "a,b"])
def test_a_key_is_visible_ascii(key: str) -> None:
    assert attempt(key) == attempt(key)


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "\x7f", "ä", "k\n", "\t", "\x00", "k\ud800"])
def test_anything_else_is_refused(key: str) -> None:
    with pytest.raises(MalformedRequest, match="1 to 255 visible ASCII characters"):
        attempt(key)


def test_callers_have_keys_of_their_own() -> None:
    assert attempt("key", "jane").key != attempt("key", "john").key
    assert attempt("key").key != attempt("Key").key
    # Whatever divides the two could be in either.
    assert attempt("b", "a,").key != attempt(",b", "a").key
    assert attempt("b", 'a","').key != attempt('","b', "a").key


CALLERS: list[dict[str, str]] = [
    {"sub": "a"},
    {"sub": "b"},
    {"client_id": "a"},
    {"client_id": "b"},
    {"azp": "a"},
    {"azp": "b"},
]


def test_whose_token_names_no_subject_has_keys_of_their_own_too() -> None:
    assert len({of(claims).key for claims in CALLERS}) == len(CALLERS)
    assert of({"sub": "", "client_id": "a"}) == of({"client_id": "a", "azp": "b"})
    assert of({"sub": "a", "client_id": "b", "azp": "c"}) == of({"sub": "a"})


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"scope": "users/write", "iss": "x"}])
def test_a_key_that_is_nobodys_is_refused(claims: dict[str, str]) -> None:
    with pytest.raises(MalformedRequest, match="no claim sub, client_id or azp"):
        of(claims)


def test_keys_that_are_stored_stay_valid() -> None:
    stored = "bb9166c4372b0c1473bb08c0180ff97db0820bd9ca2fbddfcd7fad1290d3d1b6"
    assert attempt("key", "caller").key == stored


def test_neither_the_key_nor_the_body_can_be_read_from_it() -> None:
    made = attempt("jane@example.com", "jane", email="jane@example.com")
    assert len(made.key) == len(made.request) == 64
    assert set(made.key + made.request) <= set(string.hexdigits.lower())


def test_the_order_of_members_is_nothing() -> None:
    assert attempt(a=1, b={"c": 2, "d": 3}) == attempt(b={"d": 3, "c": 2}, a=1)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), ("1", 1), (None, "null"), ([1, 2], [2, 1]), ("a", "A")],
)
def test_different_json_is_another_request(one: Any, other: Any) -> None:
    assert attempt(value=one).request != attempt(value=other).request


def test_an_absent_member_is_not_a_null_one() -> None:
    assert attempt(a=None).request != attempt().request


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_every_body_can_be_one(value: Any) -> None:
    assert attempt(value=value).request == attempt(value=value).request
