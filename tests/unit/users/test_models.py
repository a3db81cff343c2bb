import json
import re
from typing import Any

import pytest

from backend.users import validation
from backend.users.models import User

FUTURE = "2999-12-31T23:59:59.999Z"


def user(**members: Any) -> User:
    return validation.parse_new_user({"username": "jane", **members})


def test_the_first_state() -> None:
    state = user(email="Jane@Example.com")
    assert state.version == 1
    assert state.created_at == state.updated_at
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", state.created_at)


def test_a_document_has_every_member_that_the_user_has_and_no_other() -> None:
    state = user(email="Jane@Example.com", attributes={})
    assert state.to_document() == {
        "username": "jane",
        "email": "Jane@Example.com",
        "status": "active",
        "attributes": {},
        "created_at": state.created_at,
        "updated_at": state.updated_at,
        "version": 1,
    }


@pytest.mark.parametrize(
    ("members", "same"),
    [
        ({"attributes": {"a": 1, "b": 2}}, {"attributes": {"b": 2, "a": 1}}),
        ({"email": "a@b", "state": "x"}, {"state": "x", "email": "a@b"}),
        ({"attributes": {"a": 1.0}}, {"attributes": {"a": 1.0}}),
        ({}, {}),
    ],
)
def test_the_same_members_are_the_same_state(members: dict[str, Any], same: dict[str, Any]) -> None:
    state = User.new("jane", members)
    assert state.changed(same) is state


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"email": "a@b"}),
        ({"email": "a@b"}, {}),
        ({"email": "a@b"}, {"email": "A@b"}),
        ({}, {"attributes": {}}),
        ({"attributes": {"a": 1}}, {"attributes": {"a": 1.0}}),
        ({"attributes": {"a": 1}}, {"attributes": {"a": True}}),
        ({"attributes": {"a": 1.0}}, {"attributes": {"a": True}}),
        ({"attributes": {"a": 0}}, {"attributes": {"a": False}}),
        ({"attributes": {"a": 1}}, {"attributes": {"a": "1"}}),
        ({"attributes": {"a": 2**64 - 1}}, {"attributes": {"a": float(2**64)}}),
    ],
)
def test_other_members_are_another_state(before: dict[str, Any], after: dict[str, Any]) -> None:
    state = User.new("jane", before)
    changed = state.changed(after)
    assert changed.version == 2
    assert changed.etag != state.etag
    assert (changed.username, changed.created_at) == (state.username, state.created_at)
    assert changed.updated_at >= state.updated_at
    assert json.dumps(changed.members) == json.dumps(after)


def test_a_clock_that_was_set_back_does_not_set_a_user_back() -> None:
    state = User.new("jane", {})._replace(updated_at=FUTURE)
    assert state.changed({"email": "a@b"}).updated_at == FUTURE


def test_a_change_moves_the_time_on() -> None:
    long_ago = "1999-12-31T23:59:59.999Z"
    state = User.new("jane", {})._replace(created_at=long_ago, updated_at=long_ago)
    changed = state.changed({"email": "a@b"})
    assert changed.updated_at > long_ago
    assert changed.created_at == long_ago


def test_no_two_states_share_an_etag() -> None:
    states = [User.new("jane", {}) for _ in range(100)]
    states += [state.changed({"email": "a@b"}) for state in states]
    assert len({state.etag for state in states}) == 200


def test_a_change_back_is_a_new_state() -> None:
    first = User.new("jane", {})
    back = first.changed({"email": "a@b"}).changed({})
    assert back.version == 3
    assert back.etag != first.etag
