"""The table that holds the users."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct


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
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            removal_policy=removal_policy,
            deletion_protection=deletion_protection,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=point_in_time_recovery
            ),
        )
