"""Alarms: on what callers notice, and on its usual causes.

None notifies anybody by itself: notifications.py makes one message of those that belong together.
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
from backend.monitoring.metrics import Concurrency, FunctionMetrics, TableMetrics

_PERIOD: Final = cdk.Duration.minutes(5)
_MINUTE: Final = cdk.Duration.minutes(1)
# One is enough where none is the rule.
_ANY: Final = 1
# A passing throttle is retried by the SDK and noticed by nobody.
_LASTING_PERIODS: Final = 3
_CONCURRENCY_SHARE: Final = 0.8

_REACHES: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
# What is counted only when it happens, or per request, has no data where nothing happened.
_NOTHING_HAPPENED: Final = cloudwatch.TreatMissingData.NOT_BREACHING


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """A rate at which an error budget is spent, and the windows in which it has to be seen.

    The long one says that it matters, the short one that it still goes on:
    https://sre.google/workbook/alerting-on-slos/, "Multiwindow, Multi-Burn-Rate Alerts".

    days: of so many long windows in a row; CloudWatch has no period of more than a day.
    pages: whether somebody is woken.
    """

    rate: float
    long: cdk.Duration
    short: cdk.Duration
    pages: bool
    days: int = 1


BURN_RATES: Final = (
    # 2 % of 30 days' budget in an hour, 5 % in six, 10 % in a day, 10 % in three.
    BurnRate(rate=14.4, long=cdk.Duration.hours(1), short=cdk.Duration.minutes(5), pages=True),
    BurnRate(rate=6, long=cdk.Duration.hours(6), short=cdk.Duration.minutes(30), pages=True),
    BurnRate(rate=3, long=cdk.Duration.days(1), short=cdk.Duration.hours(2), pages=False),
    BurnRate(rate=1, long=cdk.Duration.days(1), short=cdk.Duration.hours(6), pages=False, days=3),
)


@dataclass
class Groups:
    """Rules of those alarms that make one message together; a rule may join two alarms."""

    noticed: list[cloudwatch.IAlarmRule] = field(default_factory=list)
    budget: list[cloudwatch.IAlarmRule] = field(default_factory=list)
    function: list[cloudwatch.IAlarmRule] = field(default_factory=list)
    table: list[cloudwatch.IAlarmRule] = field(default_factory=list)


class Alarms(Construct):
    """Every metric alarm.

    indicators: of the objectives; none where nobody is promised anything.
    runbook: the address of the page that has a section for each alarm.
    concurrency_quota: of the account, for all functions in the region.

    `groups` has their rules. `regressions` are those that are red within minutes of a change that
    harms callers: crashes, and what spends an error budget fastest, by its short window alone. The
    long windows, and all that waits for several periods, see it too late; throttles and the
    account's concurrency tell of the load. One failure can be enough here: where few requests meet
    the change, there is nothing else to go by.
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
                f"{indicator.name}: the error budget of 30 days is spent {burn.rate:g} times faster"
                " than permitted"
            )
            long = self._alarm(
                f"{name}Long",
                indicator.burn_rate(burn.long, needs_several=True),
                f"{meaning}, over {burn.days * burn.long.to_hours():g} h.",
                anchor,
                threshold=burn.rate,
                periods=burn.days,
            )
            short = self._alarm(
                f"{name}Short",
                indicator.burn_rate(burn.short),
                f"{meaning}, in the last {burn.short.to_minutes():g} min.",
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
            "Requests fail, and the function isn't even invoked.",
            "dead-function",
            threshold=_ANY,
            periods=2,  # the two metrics don't arrive together
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
            "Lambda refused to invoke the function.",
            "function-throttles",
            threshold=_ANY,
        )
        concurrency = self._alarm(
            "Concurrency",
            Concurrency.claimed(_MINUTE),
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
                f"DynamoDB fails at {operation}.",
                "table-errors",
                threshold=_ANY,
                periods=_LASTING_PERIODS,
            )
            self.groups.table.append(_rule(errors))
        # Each read and write of a request counts, of whatever operation: ThrottledRequests has no
        # more, and of a batch less.
        for name, metric, meaning in (
            ("ReadThrottles", table.read_throttles(_PERIOD), "DynamoDB throttles reads."),
            ("WriteThrottles", table.write_throttles(_PERIOD), "DynamoDB throttles writes."),
            (
                "IndexReadThrottles",
                table.index_read_throttles(_PERIOD),
                "DynamoDB throttles reads of the index.",
            ),
            (
                "IndexWriteThrottles",
                table.index_write_throttles(_PERIOD),
                "The index can't follow: DynamoDB throttles writes of the table for it.",
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
            "A composite alarm that watches this one notifies, so that one fault makes one message;"
            " it has no insufficient data to tell of, because missing data is no alarm.",
            nag=["NIST.800.53.R5-CloudWatchAlarmAction"],
        )
        return alarm


def _rule(alarm: cloudwatch.IAlarm) -> cloudwatch.IAlarmRule:
    return cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
