"""The hook as CodeDeploy runs it, with the API's own code behind a stand-in for Lambda."""

import copy
import io
import json
import re
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backend.api.runtime.handler import UserAPI
from backend.rollout.runtime import hook
from backend.rollout.runtime.round_trip import RoundTrip
from backend.users.validation import parse_new_user
from localcloud.events import event as event_of_the_gateway
from tests.aws_stubs import Request, Response, serving
from tests.in_memory_users import InMemoryUserRepository
from tests.unit.rollout.codedeploy import codedeploy

ARN = "arn:aws:lambda:us-east-1:123456789012:function:users"
NEW, LIVE = f"{ARN}:2", f"{ARN}:live"
DEPLOYMENT = "d-ABCDEF123"
USERNAME = "deployment-d-abcdef123"
STEPS = [
    "GET /health",
    "POST /users",
    "GET /users/{username}",
    "PATCH /users/{username}",
    "GET /users",
    "DELETE /users/{username}",
    "GET /users/{username}",
]

type Event = dict[str, Any]
type Answer = dict[str, Any]
# Takes an event, and what answers it as it should; Lambda's own answers are Responses.
type Function = Callable[[Event, Callable[[Event], Answer]], Answer | Response]


def healthy(event: Event, api: Callable[[Event], Answer]) -> Answer:
    return api(event)


@dataclass
class Cloud:
    """A table of users, the function's versions in front of it, and what was asked and reported."""

    users: InMemoryUserRepository = field(default_factory=InMemoryUserRepository)
    new: Function = healthy
    live: Function = healthy
    tables: dict[str, str] = field(default_factory=lambda: {NEW: "users", LIVE: "users"})
    reports: list[dict[str, Any]] = field(default_factory=list)
    invocations: list[tuple[str, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO())
        metrics = EphemeralMetrics(namespace="Tests", service="users")
        self._api = UserAPI(self.users, logger, metrics)

    def answer(self, request: Request) -> Response:
        """What Lambda answers."""
        found = re.fullmatch(
            r"/2015-03-31/functions/(.+)/(invocations|configuration)", request.path
        )
        assert found
        arn = urllib.parse.unquote(found[1])
        if found[2] == "configuration":
            table = self.tables[arn]
            settings = {"Environment": {"Variables": {"TABLE_NAME": table}}} if table else {}
            return Response(200, {}, json.dumps(settings).encode())
        event = json.loads(request.body)
        self.invocations.append((arn, copy.deepcopy(event)))
        function = {NEW: self.new, LIVE: self.live}[arn]
        answer = function(event, lambda event: self._api(event, LambdaContext()))
        if isinstance(answer, Response):
            return answer
        return Response(200, {}, json.dumps(answer).encode())

    def table(self) -> dict[str, Any]:
        """All that is stored."""
        return copy.deepcopy({**self.users._users, **self.users._usernames_by_email})

    def run(self) -> str:
        """Have the hook try the new version; returns what it reported."""
        hook.handler({"DeploymentId": DEPLOYMENT, "LifecycleEventHookExecutionId": "e-1"}, None)
        [report] = self.reports
        assert report["deploymentId"] == DEPLOYMENT
        assert report["lifecycleEventHookExecutionId"] == "e-1"
        return str(report["status"])

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(arn, event["routeKey"]) for arn, event in self.invocations]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    made = Cloud()
    made.users.create(parse_new_user({"username": "jane", "email": "jane@example.com"}))
    with serving(made.answer) as lambda_endpoint, codedeploy(made.reports) as endpoint:
        for name, value in {
            "AWS_ENDPOINT_URL_LAMBDA": lambda_endpoint,
            "AWS_ENDPOINT_URL_CODEDEPLOY": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NEW_VERSION": NEW,
            "LIVE_ALIAS": LIVE,
        }.items():
            monkeypatch.setenv(name, value)
        yield made


def test_new_code_that_works_gets_traffic_and_nothing_is_left(cloud: Cloud) -> None:
    before = cloud.table()
    assert cloud.run() == "Succeeded"
    assert cloud.asked == [(NEW, step) for step in STEPS]
    assert cloud.table() == before


def test_two_versions_never_write_two_tables(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.tables[NEW] = "users-restored"
    assert cloud.run() == "Failed"
    assert cloud.asked == []
    assert (
        "table: users-restored, not the live version's users: adopt it with rollout=None"
        in caplog.text
    )


def test_tables_without_names_are_not_the_same(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.tables = {NEW: "", LIVE: ""}
    assert cloud.run() == "Failed"
    assert cloud.asked == []
    assert "table: its name is unknown" in caplog.text


def test_its_requests_look_like_the_gateways(cloud: Cloud) -> None:
    cloud.run()
    for _, event in cloud.invocations:
        method, path = event["routeKey"].split(" ")
        path = path.replace("{username}", USERNAME)
        real = event_of_the_gateway(method, path, {} if "body" in event else None)
        assert event.keys() == real.keys()
        assert event["rawPath"] == path
        assert event["version"] == real["version"]
        context = event["requestContext"]
        assert context.keys() - {"authorizer"} <= real["requestContext"].keys()
        assert context["http"]["method"] == method
        assert context["authorizer"]["jwt"]["claims"]["sub"] == USERNAME
    assert len({event["requestContext"]["requestId"] for _, event in cloud.invocations}) == 7


def test_it_writes_with_the_etag_of_what_it_read(cloud: Cloud) -> None:
    tags = []

    def remembers(event: Event, api: Callable[[Event], Answer]) -> Answer:
        answer = api(event)
        tags.append(answer["headers"].get("ETag"))
        return answer

    cloud.new = remembers
    assert cloud.run() == "Succeeded"
    sent = {event["routeKey"]: event["headers"].get("if-match") for _, event in cloud.invocations}
    assert sent["PATCH /users/{username}"] == tags[STEPS.index("POST /users")]
    assert sent["DELETE /users/{username}"] == tags[STEPS.index("PATCH /users/{username}")]


def test_a_create_leaves_no_marker(cloud: Cloud) -> None:
    cloud.run()
    assert not [e for _, e in cloud.invocations if "idempotency-key" in e["headers"]]


def only(route: str, then: Callable[[Answer], Answer | Response], *, when: int = 1) -> Function:
    """A function that is broken at one of its routes: the n-th time that it is called."""
    called = 0

    def function(event: Event, api: Callable[[Event], Answer]) -> Answer | Response:
        nonlocal called
        answer = api(event)
        if event["routeKey"] != route:
            return answer
        called += 1
        return then(answer) if called == when else answer

    return function


def status(code: int) -> Callable[[Answer], Answer]:
    return lambda answer: {**answer, "statusCode": code}


def body(**members: Any) -> Callable[[Answer], Answer]:
    """Changes members; None removes one."""

    def change(answer: Answer) -> Answer:
        document = {**json.loads(answer["body"]), **members}
        kept = {name: value for name, value in document.items() if value is not None}
        return {**answer, "body": json.dumps(kept)}

    return change


def without_etag(answer: Answer) -> Answer:
    headers = {name: value for name, value in answer["headers"].items() if name != "ETag"}
    return {**answer, "headers": headers}


def lambda_answers(code: int | None, text: str = "{}", **headers: str) -> Callable[..., Response]:
    return lambda _answer: Response(code, headers, text.encode())


CRASHED = {"X-Amz-Function-Error": "Unhandled"}


@pytest.mark.parametrize(
    ("route", "then"),
    [
        *(pytest.param(route, status(500), id=f"500 at {route}") for route in sorted(set(STEPS))),
        *(
            pytest.param("POST /users", then, id=name)
            for name, then in {
                "another success": status(202),
                "crash": lambda_answers(200, "{}", **CRASHED),
                "throttled": lambda_answers(429, '{"message": "Rate"}'),
                "no answer": lambda_answers(None),
                "null": lambda_answers(200, "null"),
                "no JSON": lambda_answers(200, "<html>"),
                "half a body": lambda answer: {**answer, "body": "{"},
            }.items()
        ),
    ],
)
def test_new_code_that_breaks_at_any_step_gets_no_traffic_and_nothing_is_left(
    route: str, then: Callable[[Answer], Answer | Response], cloud: Cloud
) -> None:
    before = cloud.table()
    cloud.new = only(route, then)
    assert cloud.run() == "Failed"
    assert cloud.table() == before


@pytest.mark.parametrize(
    ("route", "then", "when"),
    [
        pytest.param("GET /health", body(status="bad"), 1, id="health"),
        pytest.param("POST /users", body(version=2), 1, id="another version"),
        pytest.param("POST /users", body(email=None), 1, id="no email"),
        pytest.param("POST /users", body(username="jane"), 1, id="another user"),
        pytest.param("POST /users", without_etag, 1, id="create without ETag"),
        pytest.param("POST /users", lambda a: {**a, "body": "[]"}, 1, id="no object"),
        pytest.param("GET /users/{username}", body(email="a@b.c"), 1, id="another email"),
        pytest.param("GET /users/{username}", body(created_at=None), 1, id="no time"),
        pytest.param("GET /users/{username}", without_etag, 1, id="read without ETag"),
        pytest.param("PATCH /users/{username}", body(state=None), 1, id="no change"),
        pytest.param("PATCH /users/{username}", body(version=1), 1, id="same version"),
        pytest.param("PATCH /users/{username}", body(email=None), 1, id="more than a change"),
        pytest.param("PATCH /users/{username}", without_etag, 1, id="change without ETag"),
        pytest.param("GET /users", body(users=[]), 1, id="not listed"),
        pytest.param("GET /users/{username}", status(200), 2, id="still there"),
        pytest.param("GET /users/{username}", body(type="about:blank"), 2, id="another problem"),
    ],
)
def test_a_wrong_answer_is_no_success(
    route: str, then: Callable[[Answer], Answer], when: int, cloud: Cloud
) -> None:
    before = cloud.table()
    cloud.new = only(route, then, when=when)
    assert cloud.run() == "Failed"
    assert cloud.table() == before


def test_what_new_code_can_not_delete_live_code_does(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    def never_deletes(event: Event, api: Callable[[Event], Answer]) -> Answer:
        if event["routeKey"].startswith("DELETE"):
            return {"statusCode": 204, "headers": {}, "body": ""}
        return api(event)

    before = cloud.table()
    cloud.new = never_deletes
    assert cloud.run() == "Failed"
    assert cloud.asked[-1] == (LIVE, "DELETE /users/{username}")
    assert cloud.table() == before
    assert "gone: 200 None, not 404" in caplog.text


def test_what_nobody_can_delete_is_said(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.new = only("PATCH /users/{username}", status(500))
    cloud.live = only("DELETE /users/{username}", lambda_answers(200, "{}", **CRASHED))
    assert cloud.run() == "Failed"
    assert f"clean-up: the function failed, Unhandled; the user {USERNAME} may be left" in (
        caplog.text
    )


@pytest.mark.parametrize(
    "taken",
    [
        {"username": USERNAME},
        {"username": "john", "email": f"{USERNAME}@example.com"},
    ],
)
def test_a_user_of_somebody_else_stays(
    taken: dict[str, str], cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.users.create(parse_new_user(taken))
    before = cloud.table()
    assert cloud.run() == "Failed"
    assert cloud.table() == before
    assert not [route for _, route in cloud.asked if route.startswith("DELETE")]
    assert "create: 409 /problems/" in caplog.text


def test_before_a_create_there_is_nothing_to_delete(cloud: Cloud) -> None:
    cloud.new = only("GET /health", status(503))
    assert cloud.run() == "Failed"
    assert cloud.asked == [(NEW, "GET /health")]


def test_a_failure_names_the_step_the_status_and_the_problem_and_nothing_personal(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(event: Event, api: Callable[[Event], Answer]) -> Answer:
        if event["routeKey"].startswith("PATCH"):
            event["headers"]["if-match"] = '"stale"'
        return api(event)

    cloud.new = refuses
    assert cloud.run() == "Failed"
    [record] = [record for record in caplog.records if record.name == hook.__name__]
    assert record.levelname == "ERROR"
    assert record.getMessage() == "change: 412 /problems/precondition-failed, not 200"


def test_a_bug_of_the_hook_is_reported_as_a_failure_and_leaves_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cloud.table()

    def bug(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RoundTrip, "_list", bug)
    with pytest.raises(ZeroDivisionError):
        cloud.run()
    assert [report["status"] for report in cloud.reports] == ["Failed"]
    assert cloud.table() == before
