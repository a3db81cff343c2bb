"""An alarm on the new version alone: with a tenth of the traffic, it barely slows the whole."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from backend.findings import accept
from backend.monitoring.options import Objectives

_PERIOD: Final = cdk.Duration.minutes(5)
# How many times the permitted share of slow calls is too much: as for what pages first.
_RATE: Final = 14.4
# Fewer slow calls tell nothing.
_FEWEST: Final = 3


def slow_version_alarm(
    scope: Construct, *, alias: lambda_.Alias, objectives: Objectives, runbook: str
) -> cloudwatch.Alarm:
    """Return an alarm on the share of the new version's calls that take longer than is promised.

    It has data while the alias leads to two versions; the start of a version is in no duration.
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
            label="Slow calls of the new version (%)",
        ),
        alarm_description=(
            f"Too many calls of the new version take longer than {objectives.fast_milliseconds} ms."
            f" What to do: {runbook}#new-version-slow"
        ),
        threshold=round(_RATE * (100 - objectives.fast_percent), 6),
        evaluation_periods=1,
        comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    accept(
        alarm,
        "CodeDeploy looks at it, takes the deployment back, and that is what somebody hears of;"
        " it has no insufficient data to tell of, because missing data is no alarm.",
        nag=["NIST.800.53.R5-CloudWatchAlarmAction"],
    )
    return alarm
