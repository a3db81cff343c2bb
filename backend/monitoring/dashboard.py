"""A dashboard: what callers notice is at the top, possible causes are below."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.monitoring.indicators import Indicator
from backend.monitoring.metrics import FunctionMetrics, TableMetrics, claimed_concurrency
from backend.monitoring.options import Objectives

_PERIOD: Final = cdk.Duration.minutes(5)
_DAY: Final = cdk.Duration.days(1)
_HOUR: Final = cdk.Duration.hours(1)
_OBJECTIVES_START: Final = "-P30D"
_WIDTH: Final = 24
_TALL: Final = 6
_LOW: Final = 4


class Dashboard(Construct):
    """A dashboard.

    Args:
        api: The API to show.
        database: The database to show.
        indicators: The objectives' indicators.
        objectives: The objectives to draw into the graphs.
        alarms: The alarms whose states are shown.
        runbook: The URL of the page that has a section for each alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: API,
        database: Database,
        indicators: Sequence[Indicator],
        objectives: Objectives | None,
        alarms: Sequence[cloudwatch.IAlarm],
        runbook: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self._dashboard = cloudwatch.Dashboard(self, "Resource")
        self._add_state(alarms, runbook)
        if indicators:
            self._add_objectives(indicators)
        self._add_requests(api, objectives)
        self._add_function(FunctionMetrics(api))
        self._add_table(TableMetrics(database))

    def _add_state(self, alarms: Sequence[cloudwatch.IAlarm], runbook: str) -> None:
        if alarms:
            self._dashboard.add_widgets(
                cloudwatch.AlarmStatusWidget(
                    title="Is anything wrong?", alarms=list(alarms), width=_WIDTH, height=3
                )
            )
        self._dashboard.add_widgets(
            cloudwatch.TextWidget(
                markdown=f"What each alarm means and what to do: [operations]({runbook})",
                width=_WIDTH,
                height=1,
            )
        )

    def _add_objectives(self, indicators: Sequence[Indicator]) -> None:
        self._dashboard.add_widgets(
            *(
                cloudwatch.SingleValueWidget(
                    title=f"{indicator.name}: the last 30 days",
                    metrics=[indicator.good_percent(_DAY), indicator.budget_left_percent(_DAY)],
                    # One value for the 30 days, whatever the dashboard's time range.
                    set_period_to_time_range=True,
                    start=_OBJECTIVES_START,
                    width=_WIDTH // 4,
                    height=_LOW,
                )
                for indicator in indicators
            ),
            cloudwatch.GraphWidget(
                title="Burn rate by the hour: 1 spends the error budget in 30 days",
                left=[indicator.burn_rate(_HOUR) for indicator in indicators],
                left_annotations=[cloudwatch.HorizontalAnnotation(value=1, label="permitted")],
                width=_WIDTH // 2,
                height=_LOW,
            ),
        )

    def _add_requests(self, api: API, objectives: Objectives | None) -> None:
        gateway = api.http_api
        limits = (
            [cloudwatch.HorizontalAnnotation(value=objectives.fast_milliseconds, label="objective")]
            if objectives
            else []
        )
        self._dashboard.add_widgets(
            self._graph("Requests", [gateway.metric_count(period=_PERIOD, statistic="sum")]),
            self._graph(
                "Refused and failed requests",
                [
                    gateway.metric_client_error(period=_PERIOD, statistic="sum"),
                    gateway.metric_server_error(period=_PERIOD, statistic="sum"),
                ],
            ),
            self._graph(
                "Latency (ms)",
                [
                    *(
                        gateway.metric_latency(period=_PERIOD, statistic=statistic)
                        for statistic in ("p50", "p99")
                    ),
                    gateway.metric_integration_latency(period=_PERIOD, statistic="p99"),
                ],
                limits,
            ),
        )

    def _add_function(self, function: FunctionMetrics) -> None:
        self._dashboard.add_widgets(
            self._graph(
                "Function: duration (ms)",
                [function.duration(_PERIOD, statistic) for statistic in ("p50", "p99")],
            ),
            self._graph(
                "Function: errors and throttles",
                [function.errors(_PERIOD), function.throttles(_PERIOD)],
            ),
            self._graph("Account: concurrency in use", [claimed_concurrency(_PERIOD)]),
        )

    def _add_table(self, table: TableMetrics) -> None:
        self._dashboard.add_widgets(
            self._graph(
                "Table: latency (ms)",
                [table.latency(operation, _PERIOD) for operation in table.operations],
                width=_WIDTH // 4,
            ),
            self._graph(
                "Table: system errors",
                [table.system_errors(operation, _PERIOD) for operation in table.operations],
                width=_WIDTH // 4,
            ),
            self._graph(
                "Table: throttled requests",
                [table.throttles(operation, _PERIOD) for operation in table.operations],
                width=_WIDTH // 4,
            ),
            self._graph(
                "Table and index: throttled events",
                [
                    table.read_throttles(_PERIOD),
                    table.write_throttles(_PERIOD),
                    table.index_read_throttles(_PERIOD),
                    table.index_write_throttles(_PERIOD),
                ],
                width=_WIDTH // 4,
            ),
        )
        self._dashboard.add_widgets(
            self._graph("Table: read units", [table.consumed_reads(_PERIOD)], width=_WIDTH // 2),
            self._graph("Table: write units", [table.consumed_writes(_PERIOD)], width=_WIDTH // 2),
        )

    def _graph(
        self,
        title: str,
        metrics: Sequence[cloudwatch.IMetric],
        limits: Sequence[cloudwatch.HorizontalAnnotation] = (),
        *,
        width: int = _WIDTH // 3,
    ) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title=title,
            left=list(metrics),
            left_annotations=list(limits),
            width=width,
            height=_TALL,
        )
