"""The table that holds the users, and its backups."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from backend.database.backups import Backups
from backend.findings import accept
from backend.users.dynamodb import layout


class Database(Construct):
    """A DynamoDB table with a generated name, or one that is there already.

    adopted_table: the name of a table to use instead of making one, such as a restored one; with
        its keys, its index and its time to live. Nothing of it is changed, and what is said below
        about the table has to be done to it by hand; but it is backed up.
    encryption_key: the ARN of the key that encrypts the table; None for DynamoDB's own. The
        stack has to name its region then.
    max_read_units, max_write_units: a second, for the table and again for its index; requests
        beyond are throttled. None for no limit but the account's.
    backup_retention: how long each daily backup is kept; None makes no backups.
    removal_policy: what becomes of the table when the stack is deleted, or adopts another.
    deletion_protection: whether DynamoDB refuses to delete it.
    point_in_time_recovery: whether it can be restored to any second of the last 35 days.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        adopted_table: str | None,
        encryption_key: str | None,
        max_read_units: int | None,
        max_write_units: int | None,
        backup_retention: cdk.Duration | None,
        removal_policy: cdk.RemovalPolicy,
        deletion_protection: bool,
        point_in_time_recovery: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.encryption_key = (
            kms.Key.from_key_arn(self, "Key", encryption_key) if encryption_key else None
        )
        self.table: dynamodb.ITableV2
        if adopted_table:
            self.table = dynamodb.TableV2.from_table_name(self, "AdoptedTable", adopted_table)
        else:
            self.table = self._make_table(
                max_read_units=max_read_units,
                max_write_units=max_write_units,
                removal_policy=removal_policy,
                deletion_protection=deletion_protection,
                point_in_time_recovery=point_in_time_recovery,
            )
        self.status_index_name = layout.STATUS_INDEX
        self.status_index_arn = f"{self.table.table_arn}/index/{layout.STATUS_INDEX}"
        if backup_retention:
            Backups(self, "Backups", table_arn=self.table.table_arn, retention=backup_retention)

    def _make_table(
        self,
        *,
        max_read_units: int | None,
        max_write_units: int | None,
        removal_policy: cdk.RemovalPolicy,
        deletion_protection: bool,
        point_in_time_recovery: bool,
    ) -> dynamodb.TableV2:
        # The keys can't be changed without moving the data: docs/decisions/0003-keys.md.
        table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_string(layout.PK),
            sort_key=_string(layout.SK),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=layout.STATUS_INDEX,
                    partition_key=_string(layout.STATUS_INDEX_PK),
                    sort_key=_string(layout.SK),
                    # So that only a change of the status is written to it, too.
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                    max_read_request_units=max_read_units,
                    max_write_request_units=max_write_units,
                )
            ],
            time_to_live_attribute=layout.TIME_TO_LIVE,
            billing=dynamodb.Billing.on_demand(
                max_read_request_units=max_read_units, max_write_request_units=max_write_units
            ),
            encryption=(
                dynamodb.TableEncryptionV2.customer_managed_key(self.encryption_key)
                if self.encryption_key
                else None
            ),
            # A protected one stays, or a create that is rolled back fails at deleting it.
            removal_policy=cdk.RemovalPolicy.RETAIN if deletion_protection else removal_policy,
            deletion_protection=deletion_protection,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=point_in_time_recovery
            ),
        )
        if not point_in_time_recovery:
            accept(
                table,
                "The environment's record says that these users may be lost: they are a trial's.",
                checkov=["CKV_AWS_165"],
            )
        return table


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
