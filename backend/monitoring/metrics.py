"""The metrics of the function and of the table that alarms and dashboard share."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from backend.api.infrastructure import API
from backend.database.infrastructure import Database

# What the function calls: backend/users/dynamodb/table.py.
OPERATIONS: Final = ("BatchGetItem", "GetItem", "Query", "TransactWriteItems")


class FunctionMetrics:
    """Of the alias, which is what the gateway invokes."""

    def __init__(self, api: API) -> None:
        self._api = api

    def errors(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Exceptions that left the handler, and timeouts."""
        return self._api.alias.metric_errors(period=period)

    def throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Invocations that Lambda refused."""
        return self._api.alias.metric_throttles(period=period)

    def duration(self, period: cdk.Duration, statistic: str) -> cloudwatch.Metric:
        """In milliseconds."""
        return self._api.alias.metric_duration(period=period, statistic=statistic)

    def failed_without_invocation(self, period: cdk.Duration) -> cloudwatch.MathExpression:
        """Failed requests while there was no invocation at all.

        What the gateway refuses (4xx) is no sign: it never reaches the function.
        """
        return cloudwatch.MathExpression(
            # An alias that nobody invokes has no data; TIME_SERIES makes a 0 of that.
            expression="IF(SUM([invocations, TIME_SERIES(0)]) == 0, failed, 0)",
            using_metrics={
                "invocations": self._api.alias.metric_invocations(),
                "failed": self._api.http_api.metric_server_error(statistic="sum"),
            },
            period=period,
            label="Failed without an invocation",
        )


class Concurrency:
    """Of all functions in the account and region: they share one quota."""

    @staticmethod
    def claimed(period: cdk.Duration) -> cloudwatch.Metric:
        """In use or reserved; the one to compare with the quota, by its maximum.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html
        """
        return lambda_.Function.metric_all(
            "ClaimedAccountConcurrency", period=period, statistic="max"
        )


class TableMetrics:
    """The table's metrics of each operation by itself.

    The sum of several, which the L2's *_for_operations() return (`a + b`), has no value where one
    operation has none, and DynamoDB reports throttles only where there are any.
    """

    operations = OPERATIONS

    def __init__(self, database: Database) -> None:
        self._table = database.table
        self._index_name = database.status_index_name

    def throttles(self, operation: str, period: cdk.Duration) -> cloudwatch.Metric:
        """Requests that were throttled, at least in part; a batch, as a whole."""
        return self._counted("ThrottledRequests", period, Operation=operation)

    def system_errors(self, operation: str, period: cdk.Duration) -> cloudwatch.Metric:
        """Requests that DynamoDB answered with 500."""
        return self._counted("SystemErrors", period, Operation=operation)

    def latency(self, operation: str, period: cdk.Duration) -> cloudwatch.Metric:
        """Average latency of successful requests in milliseconds, excluding the network."""
        return self._table.metric_successful_request_latency(
            dimensions_map=self._dimensions(Operation=operation), period=period
        )

    def read_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Reads that were throttled, each of a batch for itself."""
        return self._counted("ReadThrottleEvents", period)

    def write_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Writes that were throttled, each of a transaction for itself."""
        return self._counted("WriteThrottleEvents", period)

    def index_read_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Reads of the index that were throttled."""
        return self._counted(
            "ReadThrottleEvents", period, GlobalSecondaryIndexName=self._index_name
        )

    def index_write_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Writes of the table that the index can't take."""
        return self._counted(
            "WriteThrottleEvents", period, GlobalSecondaryIndexName=self._index_name
        )

    def consumed_reads(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Read units in a period."""
        return self._table.metric_consumed_read_capacity_units(period=period)

    def consumed_writes(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Write units in a period."""
        return self._table.metric_consumed_write_capacity_units(period=period)

    def _counted(self, name: str, period: cdk.Duration, **further: str) -> cloudwatch.Metric:
        # No table that was made elsewhere has an L2 method for these.
        return self._table.metric(
            name, dimensions_map=self._dimensions(**further), period=period, statistic="sum"
        )

    def _dimensions(self, **further: str) -> dict[str, str]:
        return {"TableName": self._table.table_name, **further}
