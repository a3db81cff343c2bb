from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from backend.component import Backend
from backend.environment import Target
from backend.users.dynamodb.layout import STATUS_INDEX, STATUS_INDEX_PK, TIME_TO_LIVE
from tests.infrastructure.records import PRODUCTION

TABLE = "AWS::DynamoDB::GlobalTable"
POLICY = "AWS::IAM::Policy"
ROLE = "AWS::IAM::Role"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-0000-0000-000000000000"


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
                {"AttributeName": STATUS_INDEX_PK, "AttributeType": "S"},
            ],
        },
    )


def test_the_index_is_the_one_that_the_function_asks(template: Template) -> None:
    template.has_resource_properties(
        TABLE,
        {
            "GlobalSecondaryIndexes": [
                Match.object_like(
                    {
                        "IndexName": STATUS_INDEX,
                        "KeySchema": [
                            {"AttributeName": STATUS_INDEX_PK, "KeyType": "HASH"},
                            {"AttributeName": "sk", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                )
            ],
            # Users could not be split within a partition key beside a local one.
            "LocalSecondaryIndexes": Match.absent(),
        },
    )


def test_what_the_function_lets_expire_is_removed(template: Template) -> None:
    template.has_resource_properties(
        TABLE, {"TimeToLiveSpecification": {"AttributeName": TIME_TO_LIVE, "Enabled": True}}
    )


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


@pytest.mark.parametrize(
    ("name", "reads", "writes"),
    [
        ("local", None, None),
        ("sandbox", 200, 100),
        ("staging", 4000, 1000),
        ("production", 4000, 1000),
    ],
)
def test_load_has_a_limit_that_is_data(
    name: str, reads: int | None, writes: int | None, templates: Mapping[str, Template]
) -> None:
    [table] = templates[name].find_resources(TABLE).values()
    table = table["Properties"]
    [replica] = table["Replicas"]
    [index] = table["GlobalSecondaryIndexes"]
    [index_of_replica] = replica.get("GlobalSecondaryIndexes", [{}])
    read_limit = {"MaxReadRequestUnits": reads} if reads else None
    write_limit = {"MaxWriteRequestUnits": writes} if writes else None
    assert replica.get("ReadOnDemandThroughputSettings") == read_limit
    assert table.get("WriteOnDemandThroughputSettings") == write_limit
    # A lower one would throttle the table.
    assert index_of_replica.get("ReadOnDemandThroughputSettings") == read_limit
    assert index.get("WriteOnDemandThroughputSettings") == write_limit


@pytest.mark.parametrize(
    ("name", "days"), [("local", None), ("sandbox", None), ("staging", None), ("production", 90)]
)
def test_backups_are_made_daily_and_kept(
    name: str, days: int | None, templates: Mapping[str, Template]
) -> None:
    template = templates[name]
    if days is None:
        template.resource_count_is("AWS::Backup::BackupPlan", 0)
        template.resource_count_is("AWS::Backup::BackupSelection", 0)
        return
    [vault] = template.find_resources("AWS::Backup::BackupVault")
    [plan] = template.find_resources("AWS::Backup::BackupPlan")
    [table] = template.find_resources(TABLE)
    template.has_resource_properties(
        "AWS::Backup::BackupPlan",
        {
            "BackupPlan": {
                "BackupPlanRule": [
                    {
                        "ScheduleExpression": "cron(0 3 * * ? *)",
                        "Lifecycle": {"DeleteAfterDays": days},
                        "TargetBackupVault": {"Fn::GetAtt": [vault, "BackupVaultName"]},
                    }
                ]
            }
        },
    )
    template.has_resource_properties(
        "AWS::Backup::BackupSelection",
        {
            "BackupPlanId": {"Fn::GetAtt": [plan, "BackupPlanId"]},
            "BackupSelection": {"Resources": [{"Fn::GetAtt": [table, "Arn"]}]},
        },
    )


def test_backups_and_what_deletes_them_in_time_outlive_the_stack(
    templates: Mapping[str, Template],
) -> None:
    kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    template = templates["production"]
    template.has_resource("AWS::Backup::BackupVault", kept)
    [selection] = template.find_resources("AWS::Backup::BackupSelection").values()
    role, _ = selection["Properties"]["BackupSelection"]["IamRoleArn"]["Fn::GetAtt"]
    assert template.find_resources(ROLE)[role].items() >= kept.items()


def test_nobody_deletes_backups_before_their_time(templates: Mapping[str, Template]) -> None:
    templates["production"].has_resource_properties(
        "AWS::Backup::BackupVault",
        {
            "AccessPolicy": {
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Action": [
                            "backup:DeleteRecoveryPoint",
                            "backup:UpdateRecoveryPointLifecycle",
                        ],
                        "Principal": {"AWS": "*"},
                    }
                ]
            }
        },
    )


def test_the_key_is_the_records_and_the_function_may_use_it(context: dict[str, Any]) -> None:
    target = Target(account="111111111111", region="eu-west-1")
    template = _template(context, target, encryption_key=KEY)
    [table] = template.find_resources(TABLE).values()
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    [replica] = table["Properties"]["Replicas"]
    assert replica["SSESpecification"] == {"KMSMasterKeyId": KEY}
    [statement] = [s for s in _statements(template) if KEY in str(s["Resource"])]
    assert statement["Resource"] == KEY
    assert "kms:Decrypt" in statement["Action"]
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}
    }


def test_without_a_key_dynamodb_uses_its_own(template: Template) -> None:
    template.has_resource_properties(TABLE, {"SSESpecification": Match.absent()})


@pytest.fixture(scope="module")
def adopting(context: dict[str, Any]) -> Mapping[str | None, Template]:
    """Production's template with its own table, and with others by their names."""
    names = (None, "users-restored", "older")
    return {name: _template(context, adopted_table=name) for name in names}


def test_another_table_is_adopted_by_its_name(adopting: Mapping[str | None, Template]) -> None:
    template = adopting["users-restored"]
    template.resource_count_is(TABLE, 0)
    arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/users-restored"
    granted = {
        _text(resource): set(_list(statement["Action"]))
        for statement in _statements(template)
        for resource in _list(statement["Resource"])
        if "dynamodb" in str(statement["Action"])
    }
    assert granted == {
        arn: {
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
        },
        f"{arn}/index/status": {"dynamodb:Query"},
    }
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": {"TABLE_NAME": "users-restored"}}}
    )
    [selection] = template.find_resources("AWS::Backup::BackupSelection").values()
    [resource] = selection["Properties"]["BackupSelection"]["Resources"]
    assert _text(resource) == arn
    # Monitoring watches the table that is used.
    watched = str(template.find_resources("AWS::CloudWatch::Alarm"))
    assert watched.count("'users-restored'") == 8


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "users-restored"), ("users-restored", "older"), ("users-restored", None)],
)
def test_an_adoption_takes_no_permission_from_the_version_before_it(
    before: str | None, after: str | None, adopting: Mapping[str | None, Template]
) -> None:
    old, new = (adopting[table].to_json()["Resources"] for table in (before, after))
    changed = {name for name in old.keys() & new.keys() if old[name] != new[name]}
    # The API's: only it has versions.
    changed = {name for name in changed if name.startswith("API")}
    assert not {old[name]["Type"] for name in changed} & {POLICY, ROLE}
    # CloudFormation removes what is gone once the alias leads to the new version.
    gone = [
        r["Type"] for name, r in old.items() if name not in new and "CurrentVersion" not in name
    ]
    assert sorted(gone) == sorted([POLICY, ROLE] + [TABLE] * (before is None))


def _template(context: dict[str, Any], target: Target | None = None, **changes: Any) -> Template:
    database = replace(PRODUCTION.database, **changes)
    environment = replace(PRODUCTION, target=target, database=database)
    return Template.from_stack(Backend(cdk.App(context=context), "Stack", environment=environment))


def _statements(template: Template) -> list[dict[str, Any]]:
    return [
        statement
        for policy in template.find_resources(POLICY).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_text(part) for part in parts)
    return str(value)
