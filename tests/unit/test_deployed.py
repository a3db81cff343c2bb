"""The client of tests that run against any deployment, and a stub that answers as API Gateway."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.aws_stubs import Request, Response, serving
from tests.deployed import Client, assert_refused

JSON = {"Content-Type": "application/json"}
# As the gateway has them (https://docs.aws.amazon.com/apigateway/latest/developerguide/
# http-api-troubleshooting-lambda.html), and as the function has its own.
TOO_MANY_REQUESTS = Response(429, JSON, b'{"message":"Too Many Requests"}')
UNAVAILABLE = Response(503, JSON, b'{"message":"Service Unavailable"}')
CRASHED = Response(500, JSON, b'{"message":"Internal Server Error"}')
OWN = {"Content-Type": "application/problem+json", "X-Request-Id": "1"}
OWN_UNAVAILABLE = Response(503, {**OWN, "Retry-After": "7"}, b'{"status":503}')
DONE = Response(200, {**JSON, "X-Request-Id": "2"}, b"{}")

type Call = Callable[[Client], httpx.Response]

CALLS: dict[str, Call] = {
    "get": lambda api: api.get("/users"),
    "head": lambda api: api.head("/users"),
    "put": lambda api: api.put("/users/jane", json={}),
    "delete": lambda api: api.delete("/users/jane"),
    "post": lambda api: api.post("/users", json={}),
    "patch": lambda api: api.patch("/users/jane", json={}),
    "post with a key": lambda api: api.post("/users", json={}, headers={"Idempotency-Key": "a"}),
    "patch of what was read": lambda api: api.patch("/users/jane", headers={"If-Match": '"a"'}),
}
UNSAFE = {"post", "patch"}


@dataclass
class Gateway:
    """Gives its responses in turn, the last one again and again."""

    responses: list[Response] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture(scope="module")
def stub() -> Iterator[tuple[Gateway, Client]]:
    gateway = Gateway()
    with (
        serving(gateway.answer) as endpoint,
        Client(f"{endpoint}/stage", sleep=gateway.pause) as client,
    ):
        yield gateway, client


@pytest.fixture
def gateway(stub: tuple[Gateway, Client]) -> Gateway:
    """The stub, which no other test has asked yet."""
    stub[0].requests, stub[0].pauses = [], []
    return stub[0]


@pytest.fixture
def api(stub: tuple[Gateway, Client]) -> Client:
    """A client of the stub."""
    return stub[1]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("refusal", [TOO_MANY_REQUESTS, UNAVAILABLE], ids=["429", "503"])
def test_what_the_gateway_refused_is_repeated_where_that_is_safe(
    api: Client, gateway: Gateway, name: str, refusal: Response
) -> None:
    gateway.responses = [refusal, refusal, DONE]
    if name in UNSAFE and refusal is UNAVAILABLE:
        assert CALLS[name](api).status_code == 503
        assert len(gateway.requests) == 1
    else:
        assert CALLS[name](api).status_code == 200
        assert gateway.pauses == [1, 2]
        first, *repeats = [(r.method, r.path, r.body) for r in gateway.requests]
        assert repeats == [first, first]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("own", [OWN_UNAVAILABLE, CRASHED], ids=["503", "crashed"])
def test_what_the_function_says_comes_through(
    api: Client, gateway: Gateway, call: Call, own: Response
) -> None:
    gateway.responses = [own, DONE]
    assert call(api).status_code == own.status
    assert gateway.pauses == []


def test_repeats_are_bounded_and_wait_as_long_as_is_said(api: Client, gateway: Gateway) -> None:
    gateway.responses = [TOO_MANY_REQUESTS._replace(headers={**JSON, "Retry-After": "3"})]
    assert api.get("/users").status_code == 429
    assert gateway.pauses == [3] * 5


def test_a_create_with_a_key_is_repeated_while_writers_meet(api: Client, gateway: Gateway) -> None:
    gateway.responses = [OWN_UNAVAILABLE, UNAVAILABLE, OWN_UNAVAILABLE, DONE]
    responses = api.create({"username": "jane"}, key="a")
    assert [response.status_code for response in responses] == [503, 503, 200]
    assert gateway.pauses == [7, 1, 7]
    assert {request.headers["Idempotency-Key"] for request in gateway.requests} == {"a"}


@pytest.mark.parametrize(
    ("response", "is_refused"),
    [
        (Response(404, OWN, b'{"status":404}'), True),
        (Response(400, JSON, b'{"message":"Bad Request"}'), True),
        (Response(403, JSON, b'{"message":"Forbidden"}'), True),
        (Response(404, JSON, b'{"message":"Not Found"}'), True),
        (Response(400, OWN, b'{"status":400}'), False),  # another than is expected
        (Response(404, JSON, b'{"message":"Not Found","users":[]}'), False),
        (Response(404, {"X-Request-Id": "1", **JSON}, b'{"message":"Not Found"}'), False),
        (Response(404, {}, b"<html>"), False),
        (Response(200, JSON, b'{"message":"OK"}'), False),
        (DONE, False),
        (CRASHED, False),
        (UNAVAILABLE, False),
    ],
)
def test_a_refusal_is_the_functions_or_the_gateways(
    api: Client, gateway: Gateway, response: Response, is_refused: bool
) -> None:
    gateway.responses = [response]
    received = api.post("/users/%zz")
    if is_refused:
        assert_refused(received, 404)
    else:
        with pytest.raises(AssertionError):
            assert_refused(received, 404)


def test_a_target_is_sent_as_it_is(api: Client, gateway: Gateway) -> None:
    gateway.responses = [DONE]
    api.send_raw("PUT", "/users/{a}/%2/../%zz?&a", b"body", {"Accept": "?"})
    [request] = gateway.requests
    assert (request.method, request.path) == ("PUT", "/stage/users/{a}/%2/../%zz?&a")
    assert (request.body, request.headers["Accept"]) == (b"body", "?")
