import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backend.api.runtime.handler import UserAPI
from benchmarks.load.caller import USERS, Caller
from benchmarks.load.contract import NO_ANSWER, Answer, Call, Contract
from localcloud.events import event
from tests.in_memory_users import InMemoryUserRepository
from tooling.install import ROOT

ACTS = 400


def answered(call: Call, api: UserAPI) -> Answer:
    path, _, query = call.path.partition("?")
    headers = {name.lower(): value for name, value in call.headers.items()}
    request = event(call.method, path, query=query, raw=call.body, headers=headers)
    claims = {"sub": "somebody"}
    request["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": []}}
    answer = api(request, LambdaContext())
    names = {name.lower(): value for name, value in answer["headers"].items()}
    return Answer(answer["statusCode"], names, answer.get("body", "").encode())


@dataclass
class Bench:
    """A caller, and the API that it calls; `meddle` may answer in the API's stead."""

    meddle: Callable[[Call, Callable[[], Answer]], Answer]
    faults: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO())
        metrics = EphemeralMetrics(namespace="Tests", service="users")
        api = UserAPI(InMemoryUserRepository(), logger, metrics)
        self.caller = Caller(
            "load00",
            Contract(json.loads((ROOT / "docs" / "openapi.json").read_text())),
            lambda call: self.meddle(call, lambda: answered(call, api)),
            self.faults.append,
            pause=self.pauses.append,
        )

    def run(self) -> list[str]:
        self.caller.fill()
        for _ in range(ACTS):
            self.caller.act()
        self.caller.verify()
        return self.faults


class Every:
    """Meddles with every n-th request of a method; the others are answered as they are."""

    def __init__(
        self, n: int, method: str, other: Callable[[Callable[[], Answer]], Answer]
    ) -> None:
        self._n, self._method, self._other = n, method, other
        self.seen = 0

    def __call__(self, call: Call, answer: Callable[[], Answer]) -> Answer:
        if call.method == self._method:
            self.seen += 1
            if self.seen % self._n == 0:
                return self._other(answer)
        return answer()


def lost(answer: Callable[[], Answer]) -> Answer:
    """It takes effect, but nobody hears of it."""
    answer()
    return Answer(NO_ANSWER)


def busy(answer: Callable[[], Answer]) -> Answer:
    return Answer(429, {"content-type": "application/json"}, b'{"message": "Too Many Requests"}')


def test_a_right_api_has_no_fault() -> None:
    bench = Bench(lambda _call, answer: answer())
    assert bench.run() == []
    done = bench.caller.acknowledged
    assert done["create"] - done["delete"] in {USERS, USERS - 1}
    assert done["patch"] > 10
    assert done["delete"] > 10


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("other", [lost, busy])
def test_what_was_not_answered_is_repeated(
    method: str, other: Callable[[Callable[[], Answer]], Answer]
) -> None:
    meddle = Every(3, method, other)
    bench = Bench(meddle)
    assert bench.run() == []
    assert meddle.seen > 9
    assert set(bench.pauses) == {1}


def test_a_caller_waits_as_long_as_it_is_told() -> None:
    unavailable = {
        "type": "/problems/unavailable",
        "title": "Unavailable",
        "status": 503,
        "detail": "Wait.",
        "instance": "urn:request:1",
    }
    headers = {"content-type": "application/problem+json", "retry-after": "7"}
    answer = Answer(503, headers, json.dumps(unavailable).encode())
    bench = Bench(Every(3, "GET", lambda _answer: answer))
    assert bench.run() == []
    assert set(bench.pauses) == {7}


def test_an_api_that_never_answers_is_a_fault() -> None:
    bench = Bench(lambda _call, _answer: Answer(NO_ANSWER))
    bench.caller.fill()
    assert len(bench.faults) == USERS
    assert "was not answered in 20 tries" in bench.faults[0]


def acknowledged_only(kind: str) -> Callable[[Callable[[], Answer]], Answer]:
    """Answers as if it had taken effect."""

    def other(_answer: Callable[[], Answer]) -> Answer:
        headers = {"content-type": "application/json", "etag": '"made-up"'}
        user = {"username": "load00-000001", "status": "active", "version": 1}
        times = dict.fromkeys(("created_at", "updated_at"), "2026-11-21T09:30:00.000Z")
        return {
            "DELETE": Answer(204),
            "POST": Answer(201, headers, json.dumps({**user, **times}).encode()),
            "PATCH": Answer(200, headers, json.dumps({**user, **times}).encode()),
        }[kind]

    return other


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_that_is_only_acknowledged_is_a_fault(method: str) -> None:
    assert Bench(Every(20, method, acknowledged_only(method))).run()


class Forgetful:
    """Answers a patch as it should, and takes it back behind the caller's back."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, call: Call, answer: Callable[[], Answer]) -> Answer:
        given = answer()
        if call.method != "PATCH":
            return given
        self.number += 1
        user = json.loads(given.body) if given.body else {}
        if self.number != 5 or "display_name" not in user:
            return given
        body = json.dumps({**user, "display_name": json.loads(call.body or b"{}")["display_name"]})
        return given._replace(headers={**given.headers, "etag": '"lost"'}, body=body.encode())


def test_a_patch_that_is_lost_is_found_by_the_next_read_or_list() -> None:
    faults = Bench(Forgetful()).run()
    assert faults


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(418), "418 is not named"),
        (Answer(200, {"content-type": "text/html"}, b"hello"), "200 as text/html is not named"),
        (Answer(200, {"content-type": "application/json"}, b"{"), "200 is not JSON"),
        (Answer(200, {"content-type": "application/json"}, b"{}"), "is a required property"),
    ],
)
def test_what_the_contract_does_not_name_is_a_fault(answer: Answer, said: str) -> None:
    contract = Contract(json.loads((ROOT / "docs" / "openapi.json").read_text()))
    call = Call("get", "GET", "/users/{username}", "/users/jane")
    assert said in (contract.fault(call, answer) or "")


def test_what_the_contract_keeps_for_mistakes_is_a_fault() -> None:
    faults = Bench(Every(50, "GET", lambda _answer: Answer(304))).run()
    assert faults
    assert "304, not 200" in faults[0]
