"""Whether two tables are permitted while one is adopted: each to the version that uses it.

Needs ./scripts/sandbox --enforce-iam, which refuses what the role of a version isn't permitted.
CloudFormation changes the function and its permissions before it moves the alias, and removes what
the new template lacks after that: the state between is deployed here as a template of its own.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import boto3
import httpx

from localcloud.events import event
from localcloud.hotswap import function_of_the_api
from tooling.install import NODE_FOLDER, ROOT

os.environ["JSII_NODE"] = str(NODE_FOLDER / "node")

import aws_cdk as cdk
from aws_cdk.assertions import Template

from backend.component import Backend
from constants import LOCAL

ADOPTED = "users-adopted"
PATH = "/users/jane"

type Resources = dict[str, Any]


def test_no_request_is_refused_while_a_table_is_adopted(
    endpoint: str, authorization: dict[str, str]
) -> None:
    dynamodb = boto3.client("dynamodb")
    with httpx.Client(base_url=endpoint, headers=authorization, timeout=30) as client:
        assert client.post("/users", json={"username": "jane"}).status_code == 201
        own = _table_of("live")
        backup = dynamodb.create_backup(TableName=own, BackupName="adoption")
        arn = backup["BackupDetails"]["BackupArn"]
        dynamodb.restore_table_from_backup(TargetTableName=ADOPTED, BackupArn=arn)
        before, after = _deployed(), _adopting()
        aliases = {name: r for name, r in before.items() if r["Type"] == "AWS::Lambda::Alias"}

        _deploy({**before, **after, **aliases})
        assert _table_of("live") == own
        assert client.patch(PATH, json={"state": "Berlin"}).status_code == 200
        newest = max(_versions(), key=int)
        assert _table_of(newest) == ADOPTED
        assert _state_of(_invoke(newest)) is None

        _deploy(after)
        assert _table_of("live") == ADOPTED
        assert "state" not in client.get(PATH).json()
        assert client.delete(PATH).status_code == 204


def _deployed() -> Resources:
    body = boto3.client("cloudformation").get_template(StackName=LOCAL.stack_name)["TemplateBody"]
    resources: Resources = (json.loads(body) if isinstance(body, str) else body)["Resources"]
    return resources


def _adopting() -> Resources:
    """What the stack has with the adopted table."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    record = replace(LOCAL, database=replace(LOCAL.database, adopted_table=ADOPTED))
    stack = Backend(cdk.App(context=flags), LOCAL.stack_name, environment=record)
    resources: Resources = Template.from_stack(stack).to_json()["Resources"]
    return resources


def _deploy(resources: Resources) -> None:
    client = boto3.client("cloudformation")
    client.update_stack(
        StackName=LOCAL.stack_name,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_IAM"],
    )
    client.get_waiter("stack_update_complete").wait(
        StackName=LOCAL.stack_name, WaiterConfig={"Delay": 1}
    )


def _versions() -> list[str]:
    name, _ = function_of_the_api()
    found = boto3.client("lambda").list_versions_by_function(FunctionName=name)["Versions"]
    return [version["Version"] for version in found if version["Version"] != "$LATEST"]


def _table_of(qualifier: str) -> str:
    name, _ = function_of_the_api()
    found = boto3.client("lambda").get_function_configuration(
        FunctionName=name, Qualifier=qualifier
    )
    return str(found["Environment"]["Variables"]["TABLE_NAME"])


def _invoke(version: str) -> Mapping[str, Any]:
    """What a version answers to a GET, past the gateway."""
    name, _ = function_of_the_api()
    payload = json.dumps(event("GET", PATH)).encode()
    response = boto3.client("lambda").invoke(FunctionName=name, Qualifier=version, Payload=payload)
    answer: Mapping[str, Any] = json.loads(response["Payload"].read())
    return answer


def _state_of(answer: Mapping[str, Any]) -> Any:
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"]).get("state")
