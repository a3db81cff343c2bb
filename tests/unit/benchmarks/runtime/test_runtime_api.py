import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http import HTTPMethod

import pytest

from benchmarks.runtime.runtime_api import FunctionFailed, RuntimeAPI

PREFIX = "/2018-06-01/runtime"
HANGS_SECONDS = 120


@pytest.fixture
def api() -> Iterator[RuntimeAPI]:
    with RuntimeAPI().serving() as serving:
        yield serving


def call(
    api: RuntimeAPI, method: HTTPMethod, path: str, body: object = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(api.address, timeout=HANGS_SECONDS)
    with closing(connection):
        connection.request(method, PREFIX + path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer, answer.read()


def start(work: Callable[[], object]) -> None:
    threading.Thread(target=work, daemon=True).start()


def test_a_function_gets_events_and_gives_answers(api: RuntimeAPI) -> None:
    seen = []

    def function() -> None:
        for _ in range(2):
            answer, event = call(api, HTTPMethod.GET, "/invocation/next")
            request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
            assert int(answer.headers["Lambda-Runtime-Deadline-Ms"])
            seen.append(json.loads(event))
            path = f"/invocation/{request_id}/response"
            assert call(api, HTTPMethod.POST, path, {"n": len(seen)})[0].status == 202
        with suppress(http.client.RemoteDisconnected):  # the end of the test
            call(api, HTTPMethod.GET, "/invocation/next")

    start(function)
    api.await_next(lambda: True, HANGS_SECONDS)
    first, second = (api.invoke({"event": n}, lambda: True, HANGS_SECONDS) for n in (1, 2))
    assert [first.answer, second.answer] == [{"n": 1}, {"n": 2}]
    assert 0 < first.seconds < HANGS_SECONDS
    assert seen == [{"event": 1}, {"event": 2}]


@pytest.mark.parametrize(
    ("path", "kind"), [("/init/error", "init error"), ("/invocation/x/error", "error")]
)
def test_an_error_is_told_in_the_functions_words(api: RuntimeAPI, path: str, kind: str) -> None:
    start(lambda: call(api, HTTPMethod.POST, path, {"errorMessage": "no such module"}))
    with pytest.raises(FunctionFailed, match=f"^{kind} came, not next: .*no such module"):
        api.await_next(lambda: True, HANGS_SECONDS)


def test_a_process_that_ends_is_noticed(api: RuntimeAPI) -> None:
    with pytest.raises(FunctionFailed, match="ended"):
        api.await_next(lambda: False, HANGS_SECONDS)


def test_a_function_that_never_asks_is_given_up(api: RuntimeAPI) -> None:
    with pytest.raises(FunctionFailed, match="No next"):
        api.await_next(lambda: True, 0.1)
