import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from benchmarks.runtime.calls import PAGE_SIZE, Call
from benchmarks.runtime.correctness import check, prove
from benchmarks.runtime.function import Function
from benchmarks.runtime.runtime_api import Result
from tooling.progress import Failure

CALLS = ("get", "create", "patch", "list")

type Answer = tuple[int, Any]


class Working:
    """A function that works; `spoil` changes what it answers."""

    def __init__(self, spoil: Callable[[str, Answer], Answer] = lambda _name, answer: answer):
        self._users: dict[str, dict[str, str]] = {}
        self._spoil = spoil

    def invoke(self, call: Call, _scene: str | None = None) -> Result:
        status, body = self._spoil(call.name, self._answer(call))
        return Result({"statusCode": status, "body": json.dumps(body)}, 0.001)

    def _answer(self, call: Call) -> Answer:
        body = json.loads(call.event.get("body", "{}"))
        match call.event["routeKey"]:
            case "POST /users" if body["username"] in self._users:
                return 409, {}
            case "POST /users":
                self._users[body["username"]] = body
                return 201, body
            case "GET /users":
                return 200, {"users": [self._users[n] for n in sorted(self._users)][:PAGE_SIZE]}
        user = self._users[call.event["pathParameters"]["username"]]
        user.update(body)
        return 200, user


def proven(spoil: Callable[[str, Answer], Answer]) -> None:
    prove(cast("Function", Working(spoil)), CALLS, "this one")


def test_one_that_works_is_measured() -> None:
    proven(lambda _name, answer: answer)


@pytest.mark.parametrize("name", CALLS)
def test_one_that_fails_is_not(name: str) -> None:
    with pytest.raises(Failure, match=f"this one: {name} answered 500"):
        proven(lambda called, answer: (500, {}) if called == name else answer)


@pytest.mark.parametrize("name", ["get", "create", "patch"])
def test_one_that_answers_with_another_user_is_not(name: str) -> None:
    def spoil(called: str, answer: Answer) -> Answer:
        return (answer[0], {**answer[1], "email": "x"}) if called == name else answer

    with pytest.raises(Failure, match=f"what {name} says has email wrong"):
        proven(spoil)


@pytest.mark.parametrize("users", [slice(1, None), slice(0, -1)])
def test_one_whose_page_lacks_a_user_is_not(users: slice) -> None:
    def spoil(called: str, answer: Answer) -> Answer:
        return (200, {"users": answer[1]["users"][users]}) if called == "list" else answer

    with pytest.raises(Failure, match="this one: a "):
        proven(spoil)


def test_one_that_creates_a_user_twice_is_not() -> None:
    def spoil(called: str, answer: Answer) -> Answer:
        return (201, {}) if called == "create" and answer[0] == 409 else answer

    with pytest.raises(Failure, match="create answered 201"):
        proven(spoil)


def test_a_measured_answer_is_a_success() -> None:
    check(Result({"statusCode": 201}, 0.001), "this one")
    with pytest.raises(Failure, match="503"):
        check(Result({"statusCode": 503}, 0.001), "this one")
