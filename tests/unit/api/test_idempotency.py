import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.api.runtime.errors import MalformedRequest
from backend.api.runtime.idempotency import read_key
from backend.users.repository import IdempotencyKey


def of(claims: dict[str, str], key: str = "key", **document: Any) -> IdempotencyKey:
    made = read_key({"idempotency-key": key}, claims, document)
    assert made is not None
    return made


def key_of(key: str = "key", caller: str = "caller", **document: Any) -> IdempotencyKey:
    return of({"sub": caller}, key, **document)


def test_a_request_without_a_key_is_no_attempt() -> None:
    assert read_key({}, {"sub": "caller"}, {}) is None
    assert read_key({}, {}, {}) is None


@pytest.mark.parametrize("key", ["k", "k" * 255, '"quoted"', "!#~", "a,b"])
def test_a_key_is_visible_ascii(key: str) -> None:
    assert key_of(key) == key_of(key)


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "\x7f", "ä", "k\n", "\t", "\x00", "k\ud800"])
def test_anything_else_is_refused(key: str) -> None:
    with pytest.raises(MalformedRequest, match="1 to 255 visible ASCII characters"):
        key_of(key)


def test_callers_have_keys_of_their_own() -> None:
    assert key_of("key", "jane").digest != key_of("key", "john").digest
    assert key_of("key").digest != key_of("Key").digest
    # Whatever divides the two could be in either.
    assert key_of("b", "a,").digest != key_of(",b", "a").digest
    assert key_of("b", 'a","').digest != key_of('","b', "a").digest


CALLERS: list[dict[str, str]] = [
    {"sub": "a"},
    {"sub": "b"},
    {"client_id": "a"},
    {"client_id": "b"},
    {"azp": "a"},
    {"azp": "b"},
]


def test_whose_token_names_no_subject_has_keys_of_their_own_too() -> None:
    assert len({of(claims).digest for claims in CALLERS}) == len(CALLERS)
    assert of({"sub": "", "client_id": "a"}) == of({"client_id": "a", "azp": "b"})
    assert of({"sub": "a", "client_id": "b", "azp": "c"}) == of({"sub": "a"})


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"scope": "users/write", "iss": "x"}])
def test_a_key_that_is_nobodys_is_refused(claims: dict[str, str]) -> None:
    with pytest.raises(MalformedRequest, match="no claim sub, client_id or azp"):
        of(claims)


def test_keys_that_are_stored_stay_valid() -> None:
    stored = "bb9166c4372b0c1473bb08c0180ff97db0820bd9ca2fbddfcd7fad1290d3d1b6"
    assert key_of("key", "caller").digest == stored


def test_neither_the_key_nor_the_body_can_be_read_from_it() -> None:
    made = key_of("jane@example.com", "jane", email="jane@example.com")
    assert len(made.digest) == len(made.fingerprint) == 64
    assert set(made.digest + made.fingerprint) <= set(string.hexdigits.lower())


def test_the_order_of_members_is_nothing() -> None:
    assert key_of(a=1, b={"c": 2, "d": 3}) == key_of(b={"d": 3, "c": 2}, a=1)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), ("1", 1), (None, "null"), ([1, 2], [2, 1]), ("a", "A")],
)
def test_different_json_is_another_request(one: Any, other: Any) -> None:
    assert key_of(value=one).fingerprint != key_of(value=other).fingerprint


def test_an_absent_member_is_not_a_null_one() -> None:
    assert key_of(a=None).fingerprint != key_of().fingerprint


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_every_body_can_be_one(value: Any) -> None:
    assert key_of(value=value).fingerprint == key_of(value=value).fingerprint
