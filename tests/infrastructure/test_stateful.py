"""No change replaces or deletes what holds data.

What holds data is held against stateful.json. With another logical id, CloudFormation makes a new
table, and the users stay behind in the old one; with other keys, it does the same.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.stateful import STATEFUL, STATELESS, stateful

COMMITTED = json.loads(Path(__file__).with_name("stateful.json").read_text())
# Whose list each template follows.
LISTS = {
    "local": "local",
    "sandbox": "sandbox",
    "developer": "sandbox",
    "staging": "staging",
    "stage:staging": "staging",
    "production": "production",
    "stage:production": "production",
}
TABLE = "DatabaseTableF104A135"
# By type of what is retained: the properties of which no two in an account may have the same.
NAMES: dict[str, tuple[str, ...]] = {
    "AWS::Backup::BackupVault": ("BackupVaultName",),
    "AWS::Cognito::UserPool": (),
    "AWS::Cognito::UserPoolClient": (),
    "AWS::Cognito::UserPoolDomain": ("Domain",),
    "AWS::Cognito::UserPoolResourceServer": (),  # its identifier is of one pool
    "AWS::DynamoDB::GlobalTable": ("TableName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
}


@pytest.mark.parametrize("name", LISTS)
def test_what_holds_data_is_what_was_committed(
    name: str, templates: Mapping[str, Template]
) -> None:
    assert stateful(templates[name].to_json()) == COMMITTED[LISTS[name]], (
        "If no data is lost, python -m tests.infrastructure.write lists what is there now."
    )


@pytest.mark.parametrize("name", LISTS)
def test_every_type_is_known_to_hold_data_or_not(
    name: str, templates: Mapping[str, Template]
) -> None:
    types = {resource["Type"] for resource in templates[name].to_json()["Resources"].values()}
    assert types <= STATEFUL.keys() | STATELESS


def test_in_production_everything_that_holds_data_stays() -> None:
    for resource in COMMITTED["production"].values():
        assert resource["when it goes"] in (["Retain"] * 2, ["RetainExceptOnCreate", "Retain"])


@pytest.mark.parametrize("name", LISTS)
def test_what_is_retained_is_in_nobodys_way(name: str, templates: Mapping[str, Template]) -> None:
    for logical_id, resource in templates[name].to_json()["Resources"].items():
        policy = resource.get("DeletionPolicy", "Delete")
        if policy == "Delete":
            continue
        properties = resource["Properties"]
        # A stack that is made again has another id; without a name, CloudFormation makes one.
        for unique in NAMES[resource["Type"]]:
            assert "AWS::StackId" in str(properties.get(unique, "AWS::StackId")), logical_id
        # A create that fails takes back what it has made, unless AWS refuses to delete that.
        is_protected = properties.get(
            "DeletionProtection"
        ) == "ACTIVE" or "'DeletionProtectionEnabled': True" in str(properties)
        assert policy == ("Retain" if is_protected else "RetainExceptOnCreate"), logical_id


@pytest.mark.parametrize(
    "change",
    [
        lambda resources: resources.update(Renamed=resources.pop(TABLE)),
        lambda resources: resources.pop(TABLE),
        lambda resources: _table(resources)["KeySchema"].pop(),
        lambda resources: _table(resources)["KeySchema"][0].update(AttributeName="id"),
        lambda resources: _table(resources)["AttributeDefinitions"][0].update(AttributeType="N"),
        lambda resources: _table(resources)["GlobalSecondaryIndexes"].clear(),
        lambda resources: _table(resources)["GlobalSecondaryIndexes"][0].update(IndexName="s"),
        lambda resources: _table(resources)["GlobalSecondaryIndexes"][0]["KeySchema"].pop(),
        lambda resources: _table(resources).update(TableName="users"),
        lambda resources: _table(resources).update(LocalSecondaryIndexes=[]),
        lambda resources: resources[TABLE].update(DeletionPolicy="Delete"),
        lambda resources: resources.pop("DatabaseBackupsVault13AC4C62"),
    ],
)
def test_a_change_that_would_lose_data_is_seen(
    change: Any, templates: Mapping[str, Template]
) -> None:
    template = copy.deepcopy(templates["production"].to_json())
    change(template["Resources"])
    assert stateful(template) != COMMITTED["production"]


def test_a_limit_may_change(templates: Mapping[str, Template]) -> None:
    template = copy.deepcopy(templates["production"].to_json())
    [index] = _table(template["Resources"])["GlobalSecondaryIndexes"]
    index["WriteOnDemandThroughputSettings"] = {"MaxWriteRequestUnits": 7}
    assert stateful(template) == COMMITTED["production"]


def _table(resources: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = resources[TABLE]["Properties"]
    return properties
