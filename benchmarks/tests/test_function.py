"""A function under measurement: the Runtime API, the DynamoDB stub, the proof that it works."""

import http.client
import json
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.runtime.calls import PAGE_SIZE, Call
from benchmarks.runtime.correctness import prove
from benchmarks.runtime.dynamodb import Recording, Stub
from benchmarks.runtime.function import Function
from benchmarks.runtime.runtime_api import FunctionFailed, Result, RuntimeAPI
from benchmarks.runtime.servers import Server
from benchmarks.runtime.subjects import OURS
from tests.certificates import Certificates
from tooling.progress import Failure

PREFIX = "/2018-06-01/runtime"
JANE = json.dumps({"Key": {"sk": {"S": "jane"}}}).encode()
JOHN = json.dumps({"Key": {"sk": {"S": "john"}}}).encode()

type Response = tuple[int, Any]


def call(api: RuntimeAPI, method: str, path: str, body: object = None) -> tuple[str, bytes]:
    with closing(http.client.HTTPConnection(api.address, timeout=60)) as connection:
        connection.request(method, PREFIX + path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.headers["Lambda-Runtime-Aws-Request-Id"], response.read()


def test_each_event_gets_its_response() -> None:
    def function() -> None:
        with suppress(http.client.RemoteDisconnected):  # the end of the test
            while True:
                request_id, event = call(api, "GET", "/invocation/next")
                path = f"/invocation/{request_id}/response"
                call(api, "POST", path, json.loads(event))

    with RuntimeAPI().serving() as api:
        threading.Thread(target=function, daemon=True).start()
        api.await_next(lambda: True, 60)
        results = [api.invoke({"n": n}, lambda: True, 60) for n in (1, 2)]
    assert [result.response for result in results] == [{"n": 1}, {"n": 2}]
    assert all(0 < result.seconds < 60 for result in results)


@pytest.mark.parametrize("path", ["/init/error", "/invocation/x/error"])
def test_a_function_that_fails_is_no_figure(path: str) -> None:
    with RuntimeAPI().serving() as api:
        threading.Thread(target=call, args=(api, "POST", path, "no such module")).start()
        with pytest.raises(FunctionFailed, match="no such module"):
            api.await_next(lambda: True, 60)


def test_the_stub_replays_what_the_engine_responded(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    context = ssl.create_default_context(cadata=certificates.root)
    recording = Recording()

    def engine(handler: Any) -> None:
        request = handler.body()
        status = 400 if b"bad" in request else 200
        handler.respond(status, b"of " + request, {"Content-Length": str(len(request) + 3)})

    def ask(stub: Stub, body: bytes) -> tuple[int, bytes]:
        port = int(stub.endpoint.rpartition(":")[2])
        headers = {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Authorization": "AWS4"}
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        with closing(connection):
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    upstream = Server(engine)
    address = f"http://127.0.0.1:{upstream.server_port}"
    with upstream.serving(), Stub(recording, certificates.context(), address).serving() as stub:
        stub.scene = "get"
        assert ask(stub, b"bad")[0] == 400
        recorded = [ask(stub, body) for body in (JANE, JOHN)]
    with Stub(recording, certificates.context(), None).serving() as stub:
        stub.scene = "get"
        assert [ask(stub, body) for body in (JANE, JOHN)] == recorded
        assert ask(stub, b"bad") == recorded[-1]  # refused, so not recorded; the last instead
        assert stub.failures == []
        stub.scene = "list"
        assert ask(stub, JANE)[0] == 500
    assert stub.failures == ["GetItem was not recorded for list"]


class Working:
    """A function that works; `spoil` changes its responses."""

    def __init__(self, spoil: Callable[[str, Response], Response]) -> None:
        self._users: dict[str, dict[str, str]] = {}
        self._spoil = spoil

    def invoke(self, call: Call, _scene: str | None = None) -> Result:
        status, body = self._spoil(call.name, self._respond(call))
        return Result({"statusCode": status, "body": json.dumps(body)}, 0.001)

    def _respond(self, call: Call) -> Response:
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


def twice(name: str, response: Response) -> Response:
    return (201, {}) if name == "create" and response[0] == 409 else response


def short(name: str, response: Response) -> Response:
    return (200, {"users": response[1]["users"][:-1]}) if name == "page" else response


def another(name: str, response: Response) -> Response:
    return (200, {**response[1], "email": "x"}) if name == "patch" else response


def failing(name: str, response: Response) -> Response:
    return (500, {}) if name == "get" else response


def test_one_that_works_is_measured() -> None:
    prove(cast("Function", Working(lambda _name, response: response)), OURS)


@pytest.mark.parametrize("spoil", [twice, short, another, failing])
def test_one_that_does_not_work_is_not(spoil: Callable[[str, Response], Response]) -> None:
    with pytest.raises(Failure):
        prove(cast("Function", Working(spoil)), OURS)
