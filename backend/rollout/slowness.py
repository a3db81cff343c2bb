"""An alarm on the new version alone, whose share of the traffic barely changes the total."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from backend.findings import accept
from backend.monitoring.options import Objectives

_PERIOD: Final = cdk.Duration.minutes(5)
# Too many times the permitted share of slow invocations: the highest burn rate (alarms.py).
_RATE: Final = 14.4
# Fewer slow invocations prove nothing.
_FEWEST: Final = 3


def slow_version_alarm(
    scope: Construct, *, alias: lambda_.Alias, objectives: Objectives, runbook: str
) -> cloudwatch.Alarm:
    """Make an alarm on the share of the new version's invocations that take too long.

    It has data while the alias points to two versions. Durations don't include cold starts.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    function_name = alias.lambda_.function_name
    dimensions = {
        "FunctionName": function_name,
        "Resource": f"{function_name}:{alias.alias_name}",
        "ExecutedVersion": alias.version.version,
    }
    fast = cloudwatch.Stats.percentile_rank(objectives.fast_milliseconds)
    alarm = cloudwatch.Alarm(
        scope,
        "NewVersionSlow",
        metric=cloudwatch.MathExpression(
            expression=f"IF(calls * (100 - fast) / 100 >= {_FEWEST}, 100 - fast, 0)",
            using_metrics={
                "calls": alias.metric_invocations(dimensions_map=dimensions),
                "fast": alias.metric_duration(dimensions_map=dimensions, statistic=fast),
            },
            period=_PERIOD,
            label="Slow invocations of the new version (%)",
        ),
        alarm_description=(
            "Too many invocations of the new version take longer than"
            f" {objectives.fast_milliseconds} ms. What to do: {runbook}#new-version-slow"
        ),
        threshold=round(_RATE * (100 - objectives.fast_percent), 6),
        evaluation_periods=1,
        comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    accept(
        alarm,
        "CodeDeploy watches the alarm and rolls the deployment back, which shows as a failed"
        " deployment. The alarm never lacks data, because missing data counts as OK.",
        nag=["NIST.800.53.R5-CloudWatchAlarmAction"],
    )
    return alarm
