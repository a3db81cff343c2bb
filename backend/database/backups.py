"""Daily backups, which outlive the table and the 35 days of its point-in-time recovery."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.findings import accept
from backend.naming import stack_uuid

_DAILY: Final = events.Schedule.cron(hour="3", minute="0")
# AWS keeps it in step with what backups need; it is the one that AWS Backup's own role has.
_POLICY: Final = "service-role/AWSBackupServiceRolePolicyForBackup"
_STAYS: Final = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


class Backups(Construct):
    """A vault that stays when the stack goes, and a plan that fills it.

    The role stays, too: AWS Backup needs it to delete the backups that have expired.
    https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html

    table_arn: of what is backed up. retention: how long a backup is kept; nobody deletes one
    before, unless the vault's policy is changed first.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, table_arn: str, retention: cdk.Duration
    ) -> None:
        super().__init__(scope, construct_id)
        vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=f"backups-{stack_uuid(self)}",
            block_recovery_point_deletion=True,
            removal_policy=_STAYS,
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
            # The CDK's own name would be another one where the pipeline deploys the same stack.
            backup_plan_name=cdk.Stack.of(self).stack_name,
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
        role.apply_removal_policy(_STAYS)
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
