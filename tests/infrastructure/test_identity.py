from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from backend.component import Backend
from tests.infrastructure.records import LOCAL

POOL = "AWS::Cognito::UserPool"
CLIENT = "AWS::Cognito::UserPoolClient"
DOMAIN = "AWS::Cognito::UserPoolDomain"
RESOURCE_SERVER = "AWS::Cognito::UserPoolResourceServer"


@pytest.mark.parametrize(
    ("name", "policy", "protection"),
    [
        ("local", "Delete", "INACTIVE"),
        ("sandbox", "Delete", "INACTIVE"),
        ("staging", "Delete", "INACTIVE"),
        ("production", "Retain", "ACTIVE"),
    ],
)
def test_the_pool_is_kept_as_the_environment_says_and_nobody_signs_up(
    name: str, policy: str, protection: str, templates: Mapping[str, Template]
) -> None:
    template = templates[name]
    for kind in (POOL, CLIENT, DOMAIN, RESOURCE_SERVER):
        [resource] = template.find_resources(kind).values()
        assert resource["UpdateReplacePolicy"] == policy
    template.has_resource_properties(
        POOL,
        {
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "DeletionProtection": protection,
            "MfaConfiguration": "ON",
        },
    )


def test_a_token_allows_to_read_and_to_write(template: Template) -> None:
    [server] = template.find_resources(RESOURCE_SERVER).values()
    assert server["Properties"]["Identifier"] == "users"
    assert [scope["ScopeName"] for scope in server["Properties"]["Scopes"]] == ["read", "write"]


@pytest.mark.parametrize(
    ("name", "minutes"), [("local", 1440), ("sandbox", 60), ("staging", 60), ("production", 15)]
)
def test_a_program_gets_tokens_by_its_own_secret_and_by_nothing_else(
    name: str, minutes: int, templates: Mapping[str, Template]
) -> None:
    template = templates[name]
    [server] = template.find_resources(RESOURCE_SERVER)
    [client] = template.find_resources(CLIENT).values()
    properties = client["Properties"]
    assert properties["GenerateSecret"] is True
    assert properties["AllowedOAuthFlows"] == ["client_credentials"]
    assert properties["AllowedOAuthScopes"] == [
        {"Fn::Join": ["", [{"Ref": server}, f"/{verb}"]]} for verb in ("read", "write")
    ]
    assert properties["AccessTokenValidity"] == minutes
    assert properties["TokenValidityUnits"] == {"AccessToken": "minutes"}


def test_a_client_is_added_beside_another_to_rotate_its_secret(
    templates: Mapping[str, Template], context: dict[str, Any]
) -> None:
    [(before, client)] = templates["local"].find_resources(CLIENT).items()
    template = Template.from_stack(_backend(context, ("Next", *LOCAL.identity.clients)))
    clients = template.find_resources(CLIENT)
    assert clients.keys() > {before}
    assert [c["Properties"] for c in clients.values()] == [client["Properties"]] * 2
    [authorizer] = template.find_resources("AWS::ApiGatewayV2::Authorizer").values()
    audience = [
        client["Ref"] for client in authorizer["Properties"]["JwtConfiguration"]["Audience"]
    ]
    # Whose tokens ./scripts/token gets is the one that the record names first.
    assert set(audience) == clients.keys()
    assert audience[1] == before


def test_the_token_endpoint_has_a_name_that_no_other_stack_has(template: Template) -> None:
    uuid = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    template.has_resource_properties(DOMAIN, {"Domain": {"Fn::Join": ["", ["users-", uuid]]}})


def test_the_secret_is_in_no_template(assemblies: Mapping[str, Path]) -> None:
    texts = [p.read_text() for f in assemblies.values() for p in f.rglob("*.template.json")]
    assert any("GenerateSecret" in text for text in texts)
    assert not [text for text in texts if "ClientSecret" in text]


def test_no_output_tells_of_it(template: Template) -> None:
    assert template.to_json()["Outputs"].keys() == {"APIEndpoint"}


def _backend(context: dict[str, Any], clients: tuple[str, ...]) -> Backend:
    record = replace(LOCAL, identity=replace(LOCAL.identity, clients=clients))
    return Backend(cdk.App(context=context), "B", environment=record)
