"""A caller that makes load finds what is wrong, and nothing else."""

import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from benchmarks.load.caller import NO_RESPONSE, USERS, Call, Caller, Response
from benchmarks.project import InMemoryUserRepository, UserAPI, event

ACTS = 400

type Other = Callable[[Callable[[], Response]], Response]


@dataclass
class Bench:
    """A caller, and the API that it calls; `other` responds to every n-th request of a method."""

    n: int = 1
    method: str = ""
    other: Other = lambda respond: respond()
    faults: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    seen: int = 0

    def __post_init__(self) -> None:
        logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO())
        metrics = EphemeralMetrics(namespace="Tests", service="users")
        self._api = UserAPI(InMemoryUserRepository(), logger, metrics)
        self.caller = Caller("load00", self._send, self.faults.append, pause=self.pauses.append)

    def run(self) -> list[str]:
        self.caller.fill()
        for _ in range(ACTS):
            self.caller.act()
        self.caller.verify()
        return self.faults

    def _send(self, call: Call) -> Response:
        if call.method == self.method:
            self.seen += 1
            if self.seen % self.n == 0:
                return self.other(lambda: self._respond(call))
        return self._respond(call)

    def _respond(self, call: Call) -> Response:
        path, _, query = call.path.partition("?")
        headers = {name.lower(): value for name, value in call.headers.items()}
        request = event(call.method, path, query=query, raw=call.body, headers=headers)
        claims = {"sub": "somebody"}
        request["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": []}}
        response = self._api(request, LambdaContext())
        names = {name.lower(): value for name, value in response["headers"].items()}
        return Response(response["statusCode"], names, response.get("body", "").encode())


def lost(respond: Callable[[], Response]) -> Response:
    """It takes effect, but the response is lost."""
    respond()
    return Response(NO_RESPONSE)


def throttled(_respond: Callable[[], Response]) -> Response:
    return Response(429, {"retry-after": "1"})


def test_a_right_api_has_no_fault() -> None:
    bench = Bench()
    assert bench.run() == []
    done = bench.caller.acknowledged
    assert done["create"] - done["delete"] in {USERS, USERS - 1}
    assert min(done["patch"], done["delete"]) > 10


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("other", [lost, throttled])
def test_a_request_without_a_response_is_repeated(method: str, other: Other) -> None:
    bench = Bench(3, method, other)
    assert bench.run() == []
    assert bench.seen > 9
    assert set(bench.pauses) == {1}


def test_an_api_that_never_responds_is_a_fault() -> None:
    bench = Bench(1, "POST", lambda _respond: Response(NO_RESPONSE))
    bench.caller.fill()
    assert len(bench.faults) == USERS
    assert "got no response in 20 tries" in bench.faults[0]


def untrue(status: int) -> Other:
    """Return a response as if the request had taken effect."""
    user = {"username": "load00-000001", "status": "active", "version": 1}
    user |= dict.fromkeys(("created_at", "updated_at"), "2026-11-21T09:30:00.000Z")
    return lambda _respond: Response(status, {"etag": '"made-up"'}, json.dumps(user).encode())


@pytest.mark.parametrize(("method", "status"), [("POST", 201), ("PATCH", 200), ("DELETE", 204)])
def test_a_write_that_is_only_acknowledged_is_a_fault(method: str, status: int) -> None:
    assert Bench(20, method, untrue(status)).run()


def forgotten(respond: Callable[[], Response]) -> Response:
    """It responds as if it had changed more than it has."""
    response = respond()
    user = json.loads(response.body)
    return response._replace(body=json.dumps({**user, "given_name": "Joan"}).encode())


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
def test_a_response_that_is_not_what_is_kept_is_a_fault(method: str) -> None:
    assert Bench(20, method, forgotten).run()


@pytest.mark.parametrize("status", [304, 409, 500])
def test_another_status_is_a_fault(status: int) -> None:
    faults = Bench(50, "GET", lambda _respond: Response(status)).run()
    assert f"{status}, not 200" in faults[0]
