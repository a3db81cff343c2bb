"""Composite alarms, which send one message for a fault, and the topics that receive it."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from backend.findings import accept
from backend.monitoring.alarms import Groups
from backend.monitoring.options import Operators

# A cause turns red some minutes before the page about what callers notice.
_WAIT_FOR_A_PAGE: Final = cdk.Duration.minutes(15)


class Notifications(Construct):
    """Composite alarms: one pages; three make tickets, and are silent while the first is red.

    Args:
        groups: The alarms that share a message.
        operators: The addresses that get the messages.
        runbook: The URL of the page that has a section for each alarm.

    Attributes:
        composites: The composite alarms.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        groups: Groups,
        operators: Operators,
        runbook: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self._runbook = runbook
        self._cloudwatch = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
        )
        # The policy of SNS's own key doesn't let CloudWatch encrypt.
        self._key = kms.Key(
            self,
            "Key",
            description="Encrypts the messages of alarms",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,  # messages are delivered at once
        )
        self._key.grant_encrypt_decrypt(self._cloudwatch)
        pages = self._topic("Pages", operators.pages)
        tickets = self._topic("Tickets", operators.tickets)
        noticed = self._composite(
            "UsersNotice",
            groups.noticed,
            pages,
            "Too many requests fail or are slow: callers notice.",
            "users-notice",
        )
        self.composites = [
            noticed,
            *(
                self._composite(name, rules, tickets, meaning, anchor, unless=noticed)
                for name, rules, meaning, anchor in (
                    (
                        "BudgetBurns",
                        groups.budget,
                        "At this rate, an objective will be missed.",
                        "budget-burns",
                    ),
                    (
                        "FunctionSuffers",
                        groups.function,
                        "The function fails, or can't be invoked.",
                        "function-suffers",
                    ),
                    (
                        "TableSuffers",
                        groups.table,
                        "DynamoDB fails or throttles requests.",
                        "table-suffers",
                    ),
                )
            ),
        ]

    def _topic(self, construct_id: str, addresses: Sequence[str]) -> sns.Topic:
        topic = sns.Topic(self, construct_id, master_key=self._key, enforce_ssl=True)
        # enforce_ssl replaces the default policy, which lets the account publish.
        topic.grant_publish(self._cloudwatch)
        for address in addresses:
            subscription = topic.add_subscription(
                subscriptions.UrlSubscription(address)
                if address.startswith("https://")
                else subscriptions.EmailSubscription(address)
            )
            accept(
                subscription,
                "The alarm stays red on the dashboard whether or not its message arrives. Nobody"
                " would later read a queue of the messages that did not.",
                nag=["Serverless-SNSRedrivePolicy"],
            )
        if not addresses:
            cdk.Annotations.of(topic).add_warning_v2(
                f"{construct_id}:NoSubscribers",
                f"The {construct_id} topic has no subscribers: add an address in constants.py.",
            )
        return topic

    def _composite(
        self,
        construct_id: str,
        rules: Sequence[cloudwatch.IAlarmRule],
        topic: sns.ITopic,
        meaning: str,
        anchor: str,
        *,
        unless: cloudwatch.IAlarm | None = None,
    ) -> cloudwatch.CompositeAlarm:
        composite = cloudwatch.CompositeAlarm(
            self,
            construct_id,
            # The name that the CDK generates would differ when the pipeline deploys the stack.
            composite_alarm_name=f"{cdk.Stack.of(self).stack_name}-{construct_id}",
            alarm_rule=cloudwatch.AlarmRule.any_of(*rules),
            alarm_description=f"{meaning} What to do: {self._runbook}#{anchor}",
            actions_suppressor=unless,
            actions_suppressor_wait_period=_WAIT_FOR_A_PAGE if unless else None,
            actions_suppressor_extension_period=_WAIT_FOR_A_PAGE if unless else None,
        )
        composite.add_alarm_action(actions.SnsAction(topic))
        return composite
