"""What the code answers is what the document says, status by status."""

import io
import json
import uuid
from typing import Any

import jsonschema_rs
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backend.api.openapi import document
from backend.api.runtime.handler import UserAPI
from backend.users.errors import Unavailable
from localcloud.events import event
from tests.failing_users import FailingUsers
from tests.in_memory_users import InMemoryUserRepository

DOCUMENT = document.make()
COMPONENTS = DOCUMENT["components"]

GATEWAYS_OWN = {"401", "403", "429"}
EMAIL = "joe@example.com"
LARGE = {"raw": json.dumps({"state": "x" * 2**16})}

READ: dict[int, dict[str, Any]] = {
    304: {"headers": {"if-none-match": "*"}},
    400: {"query": "x=1"},
    404: {"username": "nobody"},
    412: {"headers": {"if-match": '"stale"'}},
}
DELETE = {204: {}, **{status: READ[status] for status in (400, 404, 412)}}
CHANGE: dict[int, dict[str, Any]] = {
    200: {"body": {"given_name": "Jane"}},
    400: {"raw": "{"},
    404: {"username": "nobody", "body": {}},
    409: {"body": {"email": EMAIL}},
    412: {"body": {}, "headers": {"if-match": '"stale"'}},
    413: LARGE,
    415: {"raw": "<user/>", "headers": {"content-type": "text/xml"}},
    422: {"body": {"surname": "Doe"}},
}
# One request for each status of each operation, after joe and jane were created; a list
# where there are several kinds of answers.
REQUESTS: dict[str, dict[int, Any]] = {
    "GET /users": {200: [{"query": "limit=1"}, {}], 400: {"query": "x=1"}},
    "HEAD /users": {200: [{"query": "limit=1"}, {}], 400: {"query": "x=1"}},
    "POST /users": {
        201: [
            {"body": {"username": "ann"}},
            {"body": {"username": "jane"}, "headers": {"idempotency-key": "jane's"}},
        ],
        400: {"body": {"username": "ann"}, "headers": {"idempotency-key": " "}},
        409: [{"body": {"username": "jane"}}, {"body": {"username": "ann", "email": EMAIL}}],
        413: LARGE,
        415: [CHANGE[415], {"body": {}, "headers": {"content-encoding": "gzip"}}],
        422: [
            {"body": {}},
            {"body": {"\x00": 0, "\u2028" * 2**12: 0}},
            {"body": {"username": "x"}, "headers": {"idempotency-key": "jane's"}},
        ],
    },
    "GET /users/{username}": {200: {}, **READ},
    "HEAD /users/{username}": {200: {}, **READ},
    "PUT /users/{username}": CHANGE,
    "PATCH /users/{username}": CHANGE,
    "DELETE /users/{username}": DELETE,
    "GET /health": {200: {}},
    "HEAD /health": {200: {}},
}
# The bundler puts the document itself beside them: tests/unit/api/test_pages.py has it.
FILE: dict[int, Any] = {304: READ[304], 400: {"headers": {"if-none-match": "x"}}}
READ_BY_PEOPLE: dict[str, dict[int, Any]] = {
    "/": {303: {}},
    "/docs": {200: {}, **FILE},
    "/docs/{file}": {
        200: [{"file": "docs.js"}, {"file": "docs.css"}],
        404: {"file": "nothing"},
        **FILE,
    },
    "/problems/{name}": {200: {}, 404: {"name": "nothing"}},
}
PAGES = {
    f"{method} {path}": statuses
    for method in ("GET", "HEAD")
    for path, statuses in READ_BY_PEOPLE.items()
}
BODY: dict[str, dict[str, Any]] = {
    "POST": {"body": {"username": "ann"}},
    "PUT": {"body": {}},
    "PATCH": {"body": {}},
}
CASES = [
    (name, status, request)
    for name, statuses in (REQUESTS | PAGES).items()
    for status, requests in statuses.items()
    for request in (requests if isinstance(requests, list) else [requests])
]


def answered(api: UserAPI, method: str, path: str, **request: Any) -> dict[str, Any]:
    """Sends a request, in which a parameter of the path may have another value than usual."""
    values = {"username": "jane", "file": "docs.css", "name": "user-not-found"}
    values = {name: request.pop(name, value) for name, value in values.items()}
    sent = event(method, path.format_map(values), **request)
    sent["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "somebody"}}}
    answer: dict[str, Any] = api(sent, LambdaContext())
    return answer


def metrics() -> EphemeralMetrics:
    return EphemeralMetrics(namespace="Tests", service="users")


def logger() -> Logger:
    return Logger(service=uuid.uuid4().hex, stream=io.StringIO())


@pytest.fixture
def api() -> UserAPI:
    result = UserAPI(InMemoryUserRepository(), logger(), metrics())
    answered(result, "POST", "/users", body={"username": "joe", "email": EMAIL})
    key = {"idempotency-key": "jane's"}
    answered(result, "POST", "/users", body={"username": "jane"}, headers=key)
    return result


def resolved(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    result: dict[str, Any] = COMPONENTS[kind][node["$ref"].removeprefix(f"#/components/{kind}/")]
    return result


def validate(schema: dict[str, Any], value: Any) -> None:
    jsonschema_rs.Draft202012Validator({**schema, "components": COMPONENTS}).validate(value)


def check(answer: dict[str, Any], responses: dict[str, Any]) -> None:
    """Holds the answer against the document: status, media type, content, header fields."""
    response = resolved("responses", responses[str(answer["statusCode"])])
    headers = dict(answer["headers"])
    headers.pop("Content-Length", None)  # in no document: every server says it
    media_type = headers.pop("Content-Type", "").removesuffix("; charset=utf-8")
    if "content" in response:
        if schema := response["content"][media_type].get("schema"):
            validate(schema, json.loads(answer["body"]))
    else:
        assert answer["body"] == ""
    fields = {n: resolved("headers", header) for n, header in response["headers"].items()}
    assert set(headers) <= set(fields)
    assert {name for name, header in fields.items() if header["required"]} <= set(headers)
    for name, value in headers.items():
        validate(fields[name]["schema"], value)


@pytest.mark.parametrize(("name", "status", "request_"), CASES)
def test_an_answer_is_as_the_document_says(
    name: str, status: int, request_: dict[str, Any], api: UserAPI
) -> None:
    method, path = name.split()
    answer = answered(api, method, path, **request_)
    assert answer["statusCode"] == status
    check(answer, DOCUMENT["paths"][path][method.lower()]["responses"])


@pytest.mark.parametrize(
    ("status", "error"), [(500, ValueError("a bug")), (503, Unavailable("Throttled"))]
)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_failure_is_as_the_document_says(name: str, status: int, error: Exception) -> None:
    method, path = name.split()
    api = UserAPI(FailingUsers(error), logger(), metrics())
    answer = answered(api, method, path, **BODY.get(method, {}))
    assert answer["statusCode"] == status
    check(answer, DOCUMENT["paths"][path][method.lower()]["responses"])


@pytest.mark.parametrize("path", sorted({name.split()[1] for name in REQUESTS | PAGES}))
def test_another_method_is_refused_as_the_document_says(path: str, api: UserAPI) -> None:
    answer = answered(api, "TRACE", path)
    assert answer["statusCode"] == 405
    check(answer, DOCUMENT["x-other-methods"])


@pytest.mark.parametrize("name", REQUESTS | PAGES)
def test_the_document_names_no_status_that_is_never_answered(name: str) -> None:
    method, path = name.split()
    documented = set(DOCUMENT["paths"][path][method.lower()]["responses"])
    answered_here = {str(status) for status in (*(REQUESTS | PAGES)[name], 500, 503)}
    assert documented - GATEWAYS_OWN == answered_here
