import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from backend.api.openapi import document
from tests.compatibility.releases import OPENAPI
from tests.openapi import judges
from tests.openapi.judges import Document

type Change = Callable[[Document], object]

ROUTE = "AWS::ApiGatewayV2::Route"
METHODS = {"get", "head", "post", "put", "patch", "delete"}


def operation(of: Document, name: str) -> Any:
    method, path = name.split()
    return of["paths"][path][method.lower()]


def members(of: Document, schema: str) -> Any:
    return of["components"]["schemas"][schema]["properties"]


def schema(of: Document, name: str) -> Any:
    return of["components"]["schemas"][name]


def parameter(of: Document, name: str) -> Any:
    return of["components"]["parameters"][name]


def required(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}


ANOTHER_SCOPE = [{"bearer": ["users/admin"]}]

BREAKING: dict[str, Change] = {
    "an operation is gone": lambda d: d["paths"]["/users/{username}"].pop("delete"),
    "a path is gone": lambda d: d["paths"].pop("/health"),
    "an operation has another id": lambda d: operation(d, "GET /users").update(operationId="all"),
    "a success is gone": lambda d: operation(d, "POST /users")["responses"].pop("201"),
    "an error is gone": lambda d: operation(d, "POST /users")["responses"].pop("409"),
    "304 is gone": lambda d: operation(d, "GET /users/{username}")["responses"].pop("304"),
    "a field of an answer is gone": lambda d: operation(d, "POST /users")["responses"]["201"][
        "headers"
    ].pop("ETag"),
    "an answer is of another media type": lambda d: operation(d, "GET /users")["responses"][
        "200"
    ].update(content={"application/hal+json": {"schema": {"type": "object"}}}),
    "a body is not taken as JSON any more": lambda d: operation(d, "PATCH /users/{username}")[
        "requestBody"
    ]["content"].pop("application/json"),
    "a member of the user is gone": lambda d: members(d, "User").pop("email"),
    "a member of the user may be missing": lambda d: schema(d, "User")["required"].remove(
        "version"
    ),
    "a member of the user may be null": lambda d: members(d, "User")["email"].update(
        type=["string", "null"]
    ),
    "a member of the user is of another type": lambda d: members(d, "User")["version"].update(
        type="string"
    ),
    "a member of the user is of another format": lambda d: members(d, "User")["created_at"].update(
        format="date"
    ),
    "a member of a problem is gone": lambda d: members(d, "Problem").pop("errors"),
    "a member is needed to create": lambda d: schema(d, "NewUser")["required"].append("email"),
    "a member is not taken any more": lambda d: members(d, "NewUser").pop("state"),
    "null is not taken any more": lambda d: members(d, "UserPatch")["locale"].update(type="string"),
    "what was read can't be sent back": lambda d: members(d, "UserReplacement").pop("version"),
    "a value is not taken any more": lambda d: schema(d, "UserStatus")["enum"].remove("suspended"),
    "a member has to be shorter": lambda d: members(d, "NewUser")["given_name"].update(
        maxLength=100
    ),
    "a member has to be longer": lambda d: members(d, "NewUser")["given_name"].update(minLength=2),
    "a member has another pattern": lambda d: members(d, "NewUser")["username"].update(
        pattern="^[a-z]+$"
    ),
    "the path has another pattern": lambda d: parameter(d, "username")["schema"].update(
        pattern="^[a-z]+$"
    ),
    "there may be fewer attributes": lambda d: schema(d, "AttributesInput").update(maxProperties=9),
    "attributes are of fewer types": lambda d: schema(d, "AttributesInput")[
        "additionalProperties"
    ].update(type=["string", "null"]),
    "a page is smaller": lambda d: parameter(d, "limit")["schema"].update(maximum=50),
    "a page is smaller unless asked": lambda d: parameter(d, "limit")["schema"].update(default=10),
    "a parameter is gone": lambda d: operation(d, "GET /users")["parameters"].pop(),
    "a new parameter is needed": lambda d: operation(d, "GET /users")["parameters"].append(
        required("tenant")
    ),
    "a parameter is needed": lambda d: parameter(d, "Idempotency-Key").update(required=True),
    "a token is needed": lambda d: operation(d, "GET /health").update(security=ANOTHER_SCOPE),
    "a token is always needed": lambda d: operation(d, "GET /openapi.json").update(
        security=d["security"]
    ),
    "another scope is needed": lambda d: operation(d, "POST /users").update(security=ANOTHER_SCOPE),
    "another scope is needed everywhere": lambda d: d.update(security=ANOTHER_SCOPE),
}

HARMLESS: dict[str, Change] = {
    "a new path": lambda d: d["paths"].update(
        {"/groups": {"get": {"operationId": "a", "responses": {"200": {"description": "All."}}}}}
    ),
    "a new parameter": lambda d: operation(d, "GET /users")["parameters"].append(
        {**required("country"), "required": False}
    ),
    "a new member in requests": lambda d: members(d, "NewUser").update(
        nickname={"type": ["string", "null"]}
    ),
    "a new member of the user": lambda d: members(d, "User").update(nickname={"type": "string"}),
    "a new field of an answer": lambda d: operation(d, "POST /users")["responses"]["201"][
        "headers"
    ].update({"X-New": {"schema": {"type": "string"}}}),
    "a new error": lambda d: operation(d, "POST /users")["responses"].update(
        {"451": {"description": "Not here."}}
    ),
    "a new problem type": lambda d: d["components"]["responses"]["Taken"]["content"][
        "application/problem+json"
    ]["schema"]["properties"]["type"]["enum"].append("/problems/phone-taken"),
    "another media type is taken": lambda d: operation(d, "POST /users")["requestBody"][
        "content"
    ].update({"application/vnd.user+json": {"schema": {"$ref": "#/components/schemas/NewUser"}}}),
    "a page may be larger": lambda d: parameter(d, "limit")["schema"].update(maximum=200),
    "no token is needed": lambda d: operation(d, "GET /users").update(security=[]),
    "a member may be longer": lambda d: members(d, "NewUser")["given_name"].update(maxLength=512),
    "a member is not needed any more": lambda d: schema(d, "NewUser")["required"].clear(),
    "other words": lambda d: schema(d, "User").update(description="One of the users."),
    "another example": lambda d: parameter(d, "username").update(example="joe"),
    "a schema has another name": lambda d: (
        schema(d, "Problem")["properties"]["errors"].update(
            items={"$ref": "#/components/schemas/Renamed"}
        ),
        d["components"]["schemas"].update(Renamed=d["components"]["schemas"].pop("Fault")),
    ),
}


@pytest.fixture
def made() -> Document:
    return document.make()


@pytest.fixture
def changed(made: Document, request: pytest.FixtureRequest) -> Document:
    result = copy.deepcopy(made)
    request.param(result)
    assert result != made
    return result


def test_the_operations_are_the_routes_beside_the_default(
    made: Document, template: Template
) -> None:
    routes = {r["Properties"]["RouteKey"] for r in template.find_resources(ROUTE).values()}
    operations = {
        f"{method.upper()} {path}"
        for path, item in made["paths"].items()
        for method in item.keys() & METHODS
    }
    assert operations == routes - {"$default"}


def test_a_route_lets_in_whom_the_document_says(made: Document, template: Template) -> None:
    for route in (r["Properties"] for r in template.find_resources(ROUTE).values()):
        if route["RouteKey"] != "$default":
            security = operation(made, route["RouteKey"]).get("security", made["security"])
            scopes = route.get("AuthorizationScopes")
            assert ({"bearer": scopes} if scopes else {}) in (security or [{}])


def test_the_lint_finds_nothing(made: Document, tmp_path: Path) -> None:
    if findings := judges.findings(made, tmp_path):
        pytest.fail(
            "\n".join(findings) + "\nDescribe it as the rules ask, in backend/api/openapi/, or "
            "turn a rule off, with a reason, in tests/openapi/spectral.yaml.",
            pytrace=False,
        )


def test_the_lint_would_find_something(made: Document, tmp_path: Path) -> None:
    del operation(made, "GET /users")["description"]
    del operation(made, "GET /users")["responses"]["401"]
    members(made, "User")["created_at"].pop("maxLength")
    found = {finding.split()[0] for finding in judges.findings(made, tmp_path)}
    assert found == {
        "operation-description",
        "owasp:api8:2023-define-error-responses-401",
        "owasp:api4:2023-string-limit",
    }


def test_clients_of_the_last_release_are_not_broken(made: Document, tmp_path: Path) -> None:
    released = json.loads(OPENAPI.read_text())
    if changes := judges.breaking_changes(released, made, tmp_path):
        pytest.fail(
            "\n".join(changes) + "\nThis breaks clients of the released document: undo it. If they "
            "know of it, copy docs/openapi.json to tests/compatibility/released/openapi.json.",
            pytrace=False,
        )


@pytest.mark.parametrize("changed", BREAKING.values(), indirect=True, ids=BREAKING)
def test_a_change_that_breaks_clients_is_found(
    changed: Document, made: Document, tmp_path: Path
) -> None:
    assert judges.breaking_changes(made, changed, tmp_path)


@pytest.mark.parametrize("changed", HARMLESS.values(), indirect=True, ids=HARMLESS)
def test_a_change_that_breaks_no_client_passes(
    changed: Document, made: Document, tmp_path: Path
) -> None:
    assert judges.breaking_changes(made, changed, tmp_path) == []
