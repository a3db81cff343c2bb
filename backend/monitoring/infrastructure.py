"""The dashboard, the alarms and their messages."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.monitoring.alarms import Alarms
from backend.monitoring.dashboard import Dashboard
from backend.monitoring.indicators import Availability, Latency
from backend.monitoring.notifications import Notifications
from backend.monitoring.options import MonitoringOptions


class Monitoring(Construct):
    """A dashboard, alarms on what callers notice and on its usual causes, and messages.

    Args:
        options: What the environment chooses.
        api: The API to watch.
        database: The database to watch.
        has_watcher: Whether a unit acts on the alarms. Without one and without operators there are
            no alarms: each costs money, and nobody would see it.

    Attributes:
        regressions: The alarms that are red within minutes of a change that harms callers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: MonitoringOptions,
        api: API,
        database: Database,
        has_watcher: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        objectives, operators = options.objectives, options.operators
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
        if operators or has_watcher:
            alarms = Alarms(
                self,
                "Alarms",
                api=api,
                database=database,
                indicators=indicators,
                runbook=options.runbook,
                concurrency_quota=options.concurrency_quota,
            )
            self.regressions = alarms.regressions
            if operators:
                composites = Notifications(
                    self,
                    "Notifications",
                    groups=alarms.groups,
                    operators=operators,
                    runbook=options.runbook,
                ).composites
        Dashboard(
            self,
            "Dashboard",
            api=api,
            database=database,
            indicators=indicators,
            objectives=objectives,
            alarms=composites,
            runbook=options.runbook,
        )
