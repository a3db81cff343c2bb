"""The table that holds the users."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

# These are said again where they are used, in the function's code (backend/api/runtime/items.py):
# what ships knows nothing of what deploys it. Tests hold the two together.
_STATUS_INDEX: Final = "status"
_STATUS_INDEX_KEY: Final = "status_shard"
_TIME_TO_LIVE: Final = "expires_at"


class Database(Construct):
    """A DynamoDB table with a generated name.

    removal_policy: what becomes of the table when the stack is deleted.
    deletion_protection: whether DynamoDB refuses to delete it.
    point_in_time_recovery: whether it can be restored to any second of the last 35 days.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        removal_policy: cdk.RemovalPolicy,
        deletion_protection: bool,
        point_in_time_recovery: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        # The keys can't be changed without moving the data: docs/decisions/0003-keys.md.
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=_STATUS_INDEX,
                    partition_key=_string(_STATUS_INDEX_KEY),
                    sort_key=_string("sk"),
                    # So that only a change of the status is written to it, too.
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
            time_to_live_attribute=_TIME_TO_LIVE,
            billing=dynamodb.Billing.on_demand(),
            removal_policy=removal_policy,
            deletion_protection=deletion_protection,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=point_in_time_recovery
            ),
        )
        self.status_index_name = _STATUS_INDEX
        self.status_index_arn = f"{self.table.table_arn}/index/{_STATUS_INDEX}"


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
