"""What an operator watches. Nothing else knows that it exists."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from backend.api.infrastructure import API
from backend.database.infrastructure import Database

_PERIOD: Final = cdk.Duration.minutes(5)
_SLOW_MILLISECONDS: Final = 1000
_OPERATIONS: Final = ("GetItem", "TransactWriteItems")


class Monitoring(Construct):
    """A dashboard, and alarms on what a client would notice and on its usual causes."""

    def __init__(
        self, scope: Construct, construct_id: str, *, api: API, database: Database
    ) -> None:
        super().__init__(scope, construct_id)
        self._add_alarms(api, database)
        self._add_dashboard(api, database)

    def _add_alarms(self, api: API, database: Database) -> None:
        self._alarm(
            "ServerErrors",
            api.http_api.metric_server_error(period=_PERIOD, statistic="sum"),
            "Clients got 5xx answers: see the function's log for what they have in common.",
        )
        self._alarm(
            "Latency",
            api.http_api.metric_latency(period=_PERIOD, statistic="p99"),
            "One answer in a hundred is slow: compare the function's duration and DynamoDB's.",
            threshold=_SLOW_MILLISECONDS,
            periods=3,
        )
        self._alarm(
            "FunctionErrors",
            api.alias.metric_errors(period=_PERIOD),
            "The function crashed or timed out: see its log.",
        )
        self._alarm(
            "FunctionThrottles",
            api.alias.metric_throttles(period=_PERIOD),
            "Lambda refused calls: the account's concurrent executions are used up.",
        )
        for operation in _OPERATIONS:
            self._alarm(
                f"Throttled{operation}",
                self._throttled(database, operation),
                f"DynamoDB throttled {operation}: see which keys are hot.",
            )

    def _add_dashboard(self, api: API, database: Database) -> None:
        dashboard = cloudwatch.Dashboard(self, "Dashboard")
        dashboard.add_widgets(
            self._graph("Requests", [api.http_api.metric_count(period=_PERIOD, statistic="sum")]),
            self._graph(
                "Refused and failed requests",
                [
                    api.http_api.metric_client_error(period=_PERIOD, statistic="sum"),
                    api.http_api.metric_server_error(period=_PERIOD, statistic="sum"),
                ],
            ),
            self._graph(
                "Latency (ms)",
                [
                    api.http_api.metric_latency(period=_PERIOD, statistic=statistic)
                    for statistic in ("p50", "p99")
                ],
            ),
        )
        dashboard.add_widgets(
            self._graph(
                "Function duration (ms)",
                [
                    api.alias.metric_duration(period=_PERIOD, statistic=statistic)
                    for statistic in ("p50", "p99")
                ],
            ),
            self._graph(
                "Function errors and throttles",
                [
                    api.alias.metric_errors(period=_PERIOD),
                    api.alias.metric_throttles(period=_PERIOD),
                ],
            ),
            self._graph(
                "Table: throttled requests",
                [self._throttled(database, operation) for operation in _OPERATIONS],
            ),
        )

    def _throttled(self, database: Database, operation: str) -> cloudwatch.IMetric:
        return database.table.metric_throttled_requests_for_operation(operation, period=_PERIOD)

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        description: str,
        *,
        threshold: float = 1,
        periods: int = 1,
    ) -> None:
        cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
            # No request, no data: nobody noticed anything.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _graph(self, title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=metrics, width=8)
