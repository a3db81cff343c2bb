from collections.abc import Mapping

import pytest
from aws_cdk.assertions import Match, Template

from items import STATUS_INDEX, STATUS_INDEX_KEY, TIME_TO_LIVE

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
                {"AttributeName": STATUS_INDEX_KEY, "AttributeType": "S"},
            ],
        },
    )


def test_the_index_is_the_one_that_the_function_asks(template: Template) -> None:
    template.has_resource_properties(
        TABLE,
        {
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": STATUS_INDEX,
                    "KeySchema": [
                        {"AttributeName": STATUS_INDEX_KEY, "KeyType": "HASH"},
                        {"AttributeName": "sk", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            # Users could not be split within a partition key beside a local one.
            "LocalSecondaryIndexes": Match.absent(),
        },
    )


def test_what_the_function_lets_expire_is_removed(template: Template) -> None:
    template.has_resource_properties(
        TABLE, {"TimeToLiveSpecification": {"AttributeName": TIME_TO_LIVE, "Enabled": True}}
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
