"""What an operator watches, and is woken by. Nothing else knows that it exists."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.monitoring.alarms import Alarms
from backend.monitoring.dashboard import Dashboard
from backend.monitoring.indicators import Availability, Latency
from backend.monitoring.notifications import Notifications
from backend.monitoring.objectives import Objectives, Operators


class Monitoring(Construct):
    """A dashboard, alarms on what a caller would notice and on its usual causes, and messages.

    objectives: what callers are promised; None makes no alarm that needs a promise.
    operators: whom alarms reach. rollout: whether one looks at them. Without either there are none:
        each costs something, and nobody would see it.
    runbook: the address of the page that has a section for each alarm.
    concurrency_quota: of the account, for all functions in the region.

    `regressions` are the alarms that are red within minutes of a change that harms callers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: API,
        database: Database,
        objectives: Objectives | None,
        operators: Operators | None,
        rollout: bool,
        runbook: str,
        concurrency_quota: int,
    ) -> None:
        super().__init__(scope, construct_id)
        if operators and not objectives:
            raise ValueError("Operators need objectives: a page says that callers miss them.")
        indicators = (
            [
                Availability(api=api, objectives=objectives),
                Latency(api=api, objectives=objectives),
            ]
            if objectives
            else []
        )
        self.regressions: Sequence[cloudwatch.Alarm] = []
        composites: Sequence[cloudwatch.IAlarm] = []
        if operators or rollout:
            alarms = Alarms(
                self,
                "Alarms",
                api=api,
                database=database,
                indicators=indicators,
                runbook=runbook,
                concurrency_quota=concurrency_quota,
            )
            self.regressions = alarms.regressions
            if operators:
                composites = Notifications(
                    self,
                    "Notifications",
                    groups=alarms.groups,
                    operators=operators,
                    runbook=runbook,
                ).composites
        Dashboard(
            self,
            "Dashboard",
            api=api,
            database=database,
            indicators=indicators,
            objectives=objectives,
            alarms=composites,
            runbook=runbook,
        )
