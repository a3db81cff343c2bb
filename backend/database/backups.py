"""Daily backups, which outlive the table and the 35 days of its point-in-time recovery."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.findings import accept

_DAILY: Final = events.Schedule.cron(hour="3", minute="0")
# AWS keeps it in step with what backups need; it is the one that AWS Backup's own role has.
_POLICY: Final = "service-role/AWSBackupServiceRolePolicyForBackup"


class Backups(Construct):
    """A vault that stays when the stack goes, and a plan that fills it.

    table_arn: of what is backed up. retention: how long a backup is kept; nobody deletes one
    before, unless the vault's policy is changed first.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, table_arn: str, retention: cdk.Duration
    ) -> None:
        super().__init__(scope, construct_id)
        # Named like the stack: the CDK's own names depend on where the stack is in the app, and
        # another name is another vault.
        name = cdk.Stack.of(self).stack_name
        vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=name,
            block_recovery_point_deletion=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        accept(
            vault,
            "AWS Backup encrypts the vault with a key of its own, which nobody can disable or"
            " delete; backups are not copied to other accounts, for which that key wouldn't do.",
            checkov=["CKV_AWS_166"],
        )
        plan = backup.BackupPlan(
            self,
            "Plan",
            backup_plan_name=name,
            backup_vault=vault,
            backup_plan_rules=[
                backup.BackupPlanRule(
                    rule_name="Daily", schedule_expression=_DAILY, delete_after=retention
                )
            ],
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_POLICY)],
        )
        # AWS Backup deletes what has expired in the name of the role that made it.
        # https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-iam.html
        role.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        accept(
            role,
            "Only AWS Backup assumes the role. AWS keeps this policy in step with what backups"
            " need; with a copy that lags behind, backups would fail unseen.",
            nag=[f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]"],
        )
        plan.add_selection(
            "Table",
            resources=[backup.BackupResource.from_arn(table_arn)],
            role=role,
            disable_default_backup_policy=True,
        )
