from collections.abc import Mapping

import pytest
from aws_cdk.assertions import Match, Template

TABLE = "AWS::DynamoDB::GlobalTable"


def test_the_keys_are_those_that_hold_the_users(template: Template) -> None:
    template.has_resource_properties(
        TABLE,
        {
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        },
    )


@pytest.mark.parametrize("name", ["local", "sandbox", "production", "developer", "stage"])
def test_cloudformation_sees_the_table_that_holds_the_users(
    name: str, templates: Mapping[str, Template]
) -> None:
    # The one place where a logical id is written down: with another one, CloudFormation makes a
    # new table, and the users stay behind in the old one.
    assert list(templates[name].find_resources(TABLE)) == ["DatabaseTableF104A135"]


def test_the_table_is_billed_by_request_and_its_name_is_generated(template: Template) -> None:
    # A name of ours would make a replacement collide with the table that it replaces.
    template.has_resource_properties(
        TABLE, {"BillingMode": "PAY_PER_REQUEST", "TableName": Match.absent()}
    )


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("local", "Delete"),
        ("sandbox", "Delete"),
        ("developer", "Delete"),
        ("production", "Retain"),
        ("stage", "Retain"),
    ],
)
def test_only_production_outlives_its_stack_and_can_be_restored(
    name: str, policy: str, templates: Mapping[str, Template]
) -> None:
    templates[name].has_resource(TABLE, {"DeletionPolicy": policy, "UpdateReplacePolicy": policy})
    [table] = templates[name].find_resources(TABLE).values()
    [replica] = table["Properties"]["Replicas"]
    recovery = replica["PointInTimeRecoverySpecification"]
    kept = policy == "Retain"
    assert replica["DeletionProtectionEnabled"] is kept
    assert recovery["PointInTimeRecoveryEnabled"] is kept
