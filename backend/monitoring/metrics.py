"""The metrics of the function and the table that the alarms and the dashboard share."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from backend.api.infrastructure import API
from backend.database.infrastructure import Database


class FunctionMetrics:
    """Metrics of the alias, which the gateway invokes."""

    def __init__(self, api: API) -> None:
        self._api = api

    def errors(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Count exceptions that leave the handler, and timeouts."""
        return self._api.alias.metric_errors(period=period)

    def throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Count invocations that Lambda throttles."""
        return self._api.alias.metric_throttles(period=period)

    def duration(self, period: cdk.Duration, statistic: str) -> cloudwatch.Metric:
        """Return how long invocations take, in milliseconds."""
        return self._api.alias.metric_duration(period=period, statistic=statistic)

    def failed_without_invocation(self, period: cdk.Duration) -> cloudwatch.MathExpression:
        """Count failed requests (5xx) while there are no invocations at all.

        Requests that the gateway refuses (4xx) never reach the function, so they don't count.
        """
        return cloudwatch.MathExpression(
            # An alias that nobody invokes has no data, which TIME_SERIES turns into 0.
            expression="IF(SUM([invocations, TIME_SERIES(0)]) == 0, failed, 0)",
            using_metrics={
                "invocations": self._api.alias.metric_invocations(),
                "failed": self._api.http_api.metric_server_error(statistic="sum"),
            },
            period=period,
            label="Failed without an invocation",
        )


def claimed_concurrency(period: cdk.Duration) -> cloudwatch.Metric:
    """Return the most concurrent executions in use or reserved, to compare with the quota.

    They are those of all functions in the account and region, which share the quota.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html
    """
    return lambda_.Function.metric_all("ClaimedAccountConcurrency", period=period, statistic="max")


class TableMetrics:
    """Metrics of the table, separately for each operation where DynamoDB has them.

    The L2's *_for_operations() return a sum (`a + b`) that has no value if one operation has none,
    and DynamoDB reports throttles only if there are any.

    Attributes:
        operations: The operations that backend/users/dynamodb/table.py calls.
    """

    operations = ("BatchGetItem", "GetItem", "Query", "TransactWriteItems")

    def __init__(self, database: Database) -> None:
        self._table = database.table
        self._index_name = database.status_index_name

    def throttles(self, operation: str, period: cdk.Duration) -> cloudwatch.Metric:
        """Count requests that are throttled, even partly. A batch counts only if all of it is."""
        return self._counted("ThrottledRequests", period, Operation=operation)

    def system_errors(self, operation: str, period: cdk.Duration) -> cloudwatch.Metric:
        """Count requests for which DynamoDB returns 500."""
        return self._counted("SystemErrors", period, Operation=operation)

    def latency(self, operation: str, period: cdk.Duration) -> cloudwatch.Metric:
        """Return the average latency of successful requests in ms, excluding the network."""
        return self._table.metric_successful_request_latency(
            dimensions_map=self._dimensions(Operation=operation), period=period
        )

    def read_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Count throttled reads, each of a batch by itself."""
        return self._counted("ReadThrottleEvents", period)

    def write_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Count throttled writes, each of a transaction by itself."""
        return self._counted("WriteThrottleEvents", period)

    def index_read_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Count throttled reads of the index."""
        return self._counted(
            "ReadThrottleEvents", period, GlobalSecondaryIndexName=self._index_name
        )

    def index_write_throttles(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Count writes of the table that are throttled because the index can't keep up."""
        return self._counted(
            "WriteThrottleEvents", period, GlobalSecondaryIndexName=self._index_name
        )

    def consumed_reads(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Return the read units that were consumed in a period."""
        return self._table.metric_consumed_read_capacity_units(period=period)

    def consumed_writes(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Return the write units that were consumed in a period."""
        return self._table.metric_consumed_write_capacity_units(period=period)

    def _counted(self, name: str, period: cdk.Duration, **dimensions: str) -> cloudwatch.Metric:
        # An adopted table has no L2 methods for these metrics.
        return self._table.metric(
            name, dimensions_map=self._dimensions(**dimensions), period=period, statistic="sum"
        )

    def _dimensions(self, **dimensions: str) -> dict[str, str]:
        return {"TableName": self._table.table_name, **dimensions}
