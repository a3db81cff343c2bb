"""Who may call which route, as the gateway is told."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from backend.component import Backend
from backend.environment import Environment
from backend.identity.options import IdentityOptions, Issuer
from tests.infrastructure.records import ENVIRONMENTS, PRODUCTION

AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
ROUTE = "AWS::ApiGatewayV2::Route"

# Whoever opens a route adds it here, and says why.
OPEN = {"GET /health", "HEAD /health"}  # a load balancer has no token
DOCS = {
    f"{method} {path}"
    for method in ("GET", "HEAD")
    for path in ("/", "/docs", "/docs/{file}", "/openapi.json", "/problems/{name}")
}
OPEN_BY_ENVIRONMENT = {
    "local": OPEN | DOCS,
    "sandbox": OPEN | DOCS,
    "staging": OPEN,
    "production": OPEN,
}
SCOPES = {
    "GET": "users/read",
    "HEAD": "users/read",
    "POST": "users/write",
    "PUT": "users/write",
    "PATCH": "users/write",
    "DELETE": "users/write",
}

type Resources = dict[str, Any]


def faults(resources: Resources, opened: set[str]) -> Iterator[str]:
    """The routes that let in whom they must not, or the other way round."""
    authorizers = [name for name, r in resources.items() if r["Type"] == AUTHORIZER]
    for resource in resources.values():
        if resource["Type"] != ROUTE:
            continue
        route = resource["Properties"]
        method = route["RouteKey"].split()[0]
        found = {name: route.get(name) for name in ("AuthorizationType", "AuthorizationScopes")}
        expected: dict[str, Any] = {"AuthorizationType": "JWT"}
        expected["AuthorizationScopes"] = [SCOPES[method]] if method in SCOPES else None
        if route["RouteKey"] in opened:
            expected = {"AuthorizationType": "NONE", "AuthorizationScopes": None}
        elif route.get("AuthorizerId") not in [{"Ref": name} for name in authorizers]:
            yield f"{route['RouteKey']} has no authorizer"
        if found != expected:
            yield f"{route['RouteKey']} has {found}"


@pytest.fixture
def resources(templates: Mapping[str, Template]) -> Resources:
    """Production's."""
    found: Resources = copy.deepcopy(templates["production"].to_json()["Resources"])
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_token_with_its_scope_is_needed_for_every_route_but_the_open_ones(
    name: str, templates: Mapping[str, Template]
) -> None:
    found = templates[name].to_json()["Resources"]
    assert list(faults(found, OPEN_BY_ENVIRONMENT.get(name, OPEN))) == []


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("GET /users", lambda route: route.update(AuthorizationType="NONE")),
        ("GET /users", lambda route: route.pop("AuthorizationType")),
        ("GET /users", lambda route: route.pop("AuthorizerId")),
        ("GET /users", lambda route: route.update(AuthorizerId={"Ref": "Other"})),
        ("GET /users", lambda route: route.pop("AuthorizationScopes")),
        ("GET /users", lambda route: route["AuthorizationScopes"].append("users/write")),
        ("POST /users", lambda route: route.update(AuthorizationScopes=["users/read"])),
        ("$default", lambda route: route.update(AuthorizationType="NONE")),
        ("GET /openapi.json", lambda route: route.update(AuthorizationType="NONE")),
        ("GET /health", lambda route: route.update(RouteKey="GET /added")),
        ("GET /health", lambda route: route.update(RouteKey="ANY /{proxy+}")),
    ],
)
def test_a_route_that_is_open_by_mistake_is_found(
    key: str, change: Callable[[Resources], object], resources: Resources
) -> None:
    [route] = [
        r["Properties"] for r in resources.values() if r["Properties"].get("RouteKey") == key
    ]
    change(route)
    assert list(faults(resources, OPEN))


def test_the_tokens_are_those_of_the_stacks_own_client(template: Template) -> None:
    [pool] = template.find_resources("AWS::Cognito::UserPool")
    [client] = template.find_resources("AWS::Cognito::UserPoolClient")
    [authorizer] = template.find_resources(AUTHORIZER).values()
    assert authorizer["Properties"]["AuthorizerType"] == "JWT"
    assert authorizer["Properties"]["IdentitySource"] == ["$request.header.Authorization"]
    configuration = authorizer["Properties"]["JwtConfiguration"]
    assert configuration["Audience"] == [{"Ref": client}]
    *host, suffix, slash, last = configuration["Issuer"]["Fn::Join"][1]
    assert [suffix, slash, last] == [{"Ref": "AWS::URLSuffix"}, "/", {"Ref": pool}]
    # The region is the deployment's, or the one that the record names.
    assert host == ["https://cognito-idp.", {"Ref": "AWS::Region"}, "."] or re.fullmatch(
        r"https://cognito-idp\.[a-z]{2}(-[a-z]+)+-\d\.", "".join(map(str, host))
    )


def test_a_team_brings_its_own_issuer_and_then_no_pool_is_made() -> None:
    issuer = Issuer(url="https://login.example.com/", audience=("users", "admin"))
    template = _template(replace(PRODUCTION, identity=IdentityOptions(issuer=issuer)))
    [authorizer] = template.find_resources(AUTHORIZER).values()
    assert authorizer["Properties"]["JwtConfiguration"] == {
        "Issuer": "https://login.example.com/",
        "Audience": ["users", "admin"],
    }
    kinds = {resource["Type"] for resource in template.to_json()["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::Cognito::")]
    assert list(faults(template.to_json()["Resources"], OPEN)) == []


def test_production_can_open_its_documentation() -> None:
    template = _template(replace(PRODUCTION, api=replace(PRODUCTION.api, open_docs=True)))
    assert list(faults(template.to_json()["Resources"], OPEN | DOCS)) == []


def test_pages_of_named_origins_may_ask_first_without_a_token() -> None:
    api = replace(PRODUCTION.api, cors_origins=("https://example.com",))
    template = _template(replace(PRODUCTION, api=api))
    opened = OPEN | {"OPTIONS /{proxy+}"}
    assert list(faults(template.to_json()["Resources"], opened)) == []
    assert template.find_resources(ROUTE, {"Properties": {"RouteKey": "OPTIONS /{proxy+}"}})


def _template(environment: Environment) -> Template:
    return Template.from_stack(Backend(cdk.Stack(), "Backend", environment=environment))
