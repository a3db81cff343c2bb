"""Alarms on what callers notice, and on its usual causes.

They send no messages themselves: notifications.py combines them, so that a fault sends one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.findings import accept
from backend.monitoring.indicators import Indicator
from backend.monitoring.metrics import FunctionMetrics, TableMetrics, claimed_concurrency

_PERIOD: Final = cdk.Duration.minutes(5)
_MINUTE: Final = cdk.Duration.minutes(1)
# For events that normally never happen.
_ANY: Final = 1
# Nobody notices a short throttle, because the client retries.
_LASTING_PERIODS: Final = 3
_CONCURRENCY_SHARE: Final = 0.8

_REACHES: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
# Metrics of rare events, or of requests, have no data while nothing happens.
_NOTHING_HAPPENED: Final = cloudwatch.TreatMissingData.NOT_BREACHING


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """A rate of spending an error budget that raises an alarm if it is seen in two windows.

    The long window shows that it matters, the short one that it still goes on:
    https://sre.google/workbook/alerting-on-slos/, "Multiwindow, Multi-Burn-Rate Alerts".

    Attributes:
        rate: How many times faster than permitted.
        long: The long window.
        short: The short window.
        pages: Whether the alarm pages somebody.
        days: In how many long windows in a row the rate must be seen. CloudWatch has no period
            longer than a day.
    """

    rate: float
    long: cdk.Duration
    short: cdk.Duration
    pages: bool
    days: int = 1


BURN_RATES: Final = (
    # These spend 2% of 30 days' budget in an hour, 5% in six, 10% in a day, and 10% in three.
    BurnRate(rate=14.4, long=cdk.Duration.hours(1), short=cdk.Duration.minutes(5), pages=True),
    BurnRate(rate=6, long=cdk.Duration.hours(6), short=cdk.Duration.minutes(30), pages=True),
    BurnRate(rate=3, long=cdk.Duration.days(1), short=cdk.Duration.hours(2), pages=False),
    BurnRate(rate=1, long=cdk.Duration.days(1), short=cdk.Duration.hours(6), pages=False, days=3),
)


@dataclass
class Groups:
    """The rules of the alarms that share a message. A rule may join two alarms.

    Attributes:
        noticed: What callers notice.
        budget: Error budgets that are spent too fast, but not fast enough to page somebody.
        function: What fails in the function.
        table: What fails in the table.
    """

    noticed: list[cloudwatch.IAlarmRule] = field(default_factory=list)
    budget: list[cloudwatch.IAlarmRule] = field(default_factory=list)
    function: list[cloudwatch.IAlarmRule] = field(default_factory=list)
    table: list[cloudwatch.IAlarmRule] = field(default_factory=list)


class Alarms(Construct):
    """All metric alarms.

    Args:
        api: The API to watch.
        database: The database to watch.
        indicators: The objectives' indicators, if there are objectives.
        runbook: The URL of the page that has a section for each alarm.
        concurrency_quota: How many executions the account's functions may have at once in the
            region.

    Attributes:
        groups: The alarms' rules.
        regressions: The alarms that are red within minutes of a change that harms callers: crashes,
            and the short window of the highest burn rate. Alarms with long windows or several
            periods are too late; throttles and concurrency depend on the load. One failure can be
            enough, because few requests may reach the changed code.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: API,
        database: Database,
        indicators: Sequence[Indicator],
        runbook: str,
        concurrency_quota: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self._runbook = runbook
        self.groups = Groups()
        self.regressions: list[cloudwatch.Alarm] = []
        for indicator in indicators:
            self._add_burn_rates(indicator)
        function = FunctionMetrics(api)
        if indicators:
            self._add_dead_function(function)
        self._add_function(function, concurrency_quota)
        self._add_table(TableMetrics(database))

    def _add_burn_rates(self, indicator: Indicator) -> None:
        for burn in BURN_RATES:
            name = f"{indicator.name}Burn{burn.rate:g}".replace(".", "_")
            anchor = f"{indicator.name.lower()}-burns"
            meaning = (
                f"{indicator.name}: the 30-day error budget is spent {burn.rate:g} times faster"
                " than permitted"
            )
            long = self._alarm(
                f"{name}Long",
                indicator.burn_rate(burn.long, needs_several=True),
                f"{meaning}, over the last {burn.days * burn.long.to_hours():g} h.",
                anchor,
                threshold=burn.rate,
                periods=burn.days,
            )
            short = self._alarm(
                f"{name}Short",
                indicator.burn_rate(burn.short),
                f"{meaning}, over the last {burn.short.to_minutes():g} min.",
                anchor,
                threshold=burn.rate,
            )
            if burn.short.to_seconds() <= _PERIOD.to_seconds():
                self.regressions.append(short)
            group = self.groups.noticed if burn.pages else self.groups.budget
            group.append(cloudwatch.AlarmRule.all_of(_rule(long), _rule(short)))

    def _add_dead_function(self, function: FunctionMetrics) -> None:
        dead = self._alarm(
            "DeadFunction",
            function.failed_without_invocation(_PERIOD),
            "Requests fail, and the function isn't invoked.",
            "dead-function",
            threshold=_ANY,
            periods=2,  # one of the two metrics may arrive late
        )
        self.groups.noticed.append(_rule(dead))

    def _add_function(self, function: FunctionMetrics, concurrency_quota: int) -> None:
        errors = self._alarm(
            "FunctionErrors",
            function.errors(_PERIOD),
            "The function crashed or timed out.",
            "function-errors",
            threshold=_ANY,
        )
        self.regressions.append(errors)
        throttles = self._alarm(
            "FunctionThrottles",
            function.throttles(_PERIOD),
            "Lambda throttled invocations of the function.",
            "function-throttles",
            threshold=_ANY,
        )
        concurrency = self._alarm(
            "Concurrency",
            claimed_concurrency(_MINUTE),
            f"All functions together use {_CONCURRENCY_SHARE:.0%} of the account's quota of"
            f" {concurrency_quota} concurrent executions.",
            "concurrency",
            threshold=_CONCURRENCY_SHARE * concurrency_quota,
            periods=_LASTING_PERIODS,
        )
        self.groups.function += [_rule(errors), _rule(throttles), _rule(concurrency)]

    def _add_table(self, table: TableMetrics) -> None:
        for operation in table.operations:
            errors = self._alarm(
                f"{operation}Errors",
                table.system_errors(operation, _PERIOD),
                f"DynamoDB returns server errors for {operation}.",
                "table-errors",
                threshold=_ANY,
                periods=_LASTING_PERIODS,
            )
            self.groups.table.append(_rule(errors))
        # These metrics count each read and write of each operation. ThrottledRequests counts a
        # batch once at most.
        for name, metric, meaning in (
            (
                "ReadThrottles",
                table.read_throttles(_PERIOD),
                "DynamoDB throttles reads of the table.",
            ),
            (
                "WriteThrottles",
                table.write_throttles(_PERIOD),
                "DynamoDB throttles writes of the table.",
            ),
            (
                "IndexReadThrottles",
                table.index_read_throttles(_PERIOD),
                "DynamoDB throttles reads of the index.",
            ),
            (
                "IndexWriteThrottles",
                table.index_write_throttles(_PERIOD),
                "DynamoDB throttles writes of the table because its index can't keep up.",
            ),
        ):
            alarm = self._alarm(
                name, metric, meaning, "table-throttles", threshold=_ANY, periods=_LASTING_PERIODS
            )
            self.groups.table.append(_rule(alarm))

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        meaning: str,
        anchor: str,
        *,
        threshold: float,
        periods: int = 1,
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            alarm_description=f"{meaning} What to do: {self._runbook}#{anchor}",
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=_REACHES,
            treat_missing_data=_NOTHING_HAPPENED,
        )
        accept(
            alarm,
            "A composite alarm that includes this one sends the message, so that one fault sends"
            " one. The alarm never lacks data, because missing data counts as OK.",
            nag=["NIST.800.53.R5-CloudWatchAlarmAction"],
        )
        return alarm


def _rule(alarm: cloudwatch.IAlarm) -> cloudwatch.IAlarmRule:
    return cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
