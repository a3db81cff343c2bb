"""The table that holds the users, and its backups."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from backend.database.backups import Backups
from backend.database.options import DatabaseOptions
from backend.findings import accept
from backend.users.dynamodb import layout


class Database(Construct):
    """A DynamoDB table with a generated name, or an existing one.

    Args:
        options: What the environment chooses.
        removal_policy: What happens to the table when the stack is deleted or adopts another.
        deletion_protection: Whether DynamoDB refuses to delete the table.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: DatabaseOptions,
        removal_policy: cdk.RemovalPolicy,
        deletion_protection: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.encryption_key = (
            kms.Key.from_key_arn(self, "Key", options.encryption_key)
            if options.encryption_key
            else None
        )
        self.table: dynamodb.ITableV2
        if options.adopted_table:
            self.table = dynamodb.TableV2.from_table_name(
                self, "AdoptedTable", options.adopted_table
            )
        else:
            self.table = self._make_table(
                options, removal_policy=removal_policy, deletion_protection=deletion_protection
            )
        self.status_index_name = layout.STATUS_INDEX
        self.status_index_arn = f"{self.table.table_arn}/index/{layout.STATUS_INDEX}"
        if options.backup_retention_days:
            Backups(
                self,
                "Backups",
                table_arn=self.table.table_arn,
                retention=cdk.Duration.days(options.backup_retention_days),
            )

    def grant_read_write(self, grantee: iam.IGrantable) -> None:
        """Permit only what backend/users/dynamodb calls.

        The table's own grant methods would permit everything on all of its indexes.
        """
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(layout.TABLE_ACTIONS),
            resource_arns=[self.table.table_arn],
        )
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(layout.STATUS_INDEX_ACTIONS),
            resource_arns=[self.status_index_arn],
        )
        if self.encryption_key:
            # DynamoDB uses the key on behalf of its caller, who may not use it in any other way.
            via = f"dynamodb.{cdk.Stack.of(self).region}.amazonaws.com"
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
                resource_arns=[self.encryption_key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": via}},
            )

    def _make_table(
        self,
        options: DatabaseOptions,
        *,
        removal_policy: cdk.RemovalPolicy,
        deletion_protection: bool,
    ) -> dynamodb.TableV2:
        # Changing the keys would need a migration: docs/decisions/0003-keys.md.
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
                    # So that only a change of the status writes to the index.
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                    max_read_request_units=options.max_read_units,
                    max_write_request_units=options.max_write_units,
                )
            ],
            time_to_live_attribute=layout.TIME_TO_LIVE,
            billing=dynamodb.Billing.on_demand(
                max_read_request_units=options.max_read_units,
                max_write_request_units=options.max_write_units,
            ),
            encryption=(
                dynamodb.TableEncryptionV2.customer_managed_key(self.encryption_key)
                if self.encryption_key
                else None
            ),
            # Keep a protected table: the rollback of a failed create couldn't delete it.
            removal_policy=cdk.RemovalPolicy.RETAIN if deletion_protection else removal_policy,
            deletion_protection=deletion_protection,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=options.point_in_time_recovery
            ),
        )
        if not options.point_in_time_recovery:
            accept(
                table,
                "The environment's record says that these users are trial data, which may be lost.",
                checkov=["CKV_AWS_165"],
            )
        return table


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
