"""Daily backups that outlive the table and the 35 days of its point-in-time recovery."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.findings import accept
from backend.naming import stack_uuid

_DAILY: Final = events.Schedule.cron(hour="3", minute="0")
# The policy of AWS Backup's default role. AWS updates it when backups need other permissions.
_POLICY: Final = "service-role/AWSBackupServiceRolePolicyForBackup"
_STAYS: Final = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


class Backups(Construct):
    """A vault that outlives the stack, and a plan that fills it.

    The role outlives the stack, too: AWS Backup needs it to delete expired backups.
    https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteRecoveryPoint.html

    Args:
        table_arn: The ARN of the table to back up.
        retention: How long a backup is kept. Nobody can delete one earlier without first changing
            the vault's policy.
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
            "AWS Backup encrypts the vault with its own key, which nobody can disable or delete."
            " Only copies to other accounts would need another key, and there are none.",
            checkov=["CKV_AWS_166"],
        )
        plan = backup.BackupPlan(
            self,
            "Plan",
            # The name that the CDK generates would differ when the pipeline deploys the stack.
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
            "Only AWS Backup assumes the role. AWS updates this policy when backups need other"
            " permissions; with an outdated copy, backups would fail unnoticed.",
            nag=[f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]"],
        )
        plan.add_selection(
            "Table",
            resources=[backup.BackupResource.from_arn(table_arn)],
            role=role,
            disable_default_backup_policy=True,
        )
