"""Service level indicators: how much of an error budget is left, and how fast it is spent."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from backend.api.infrastructure import API
from backend.monitoring.options import Objectives

# Fewer bad requests than this page nobody: at low traffic, one is already a large share.
_FEWEST_BAD_REQUESTS: Final = 3


class Indicator:
    """The share of bad requests, compared with the share that an objective permits.

    The metrics are those of HTTP APIs, whose names differ from those of REST APIs:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html

    Args:
        name: The objective's name, one word.
        api: The API whose requests count.
        bad: A metric expression for the number of bad requests.
        bad_percent: A metric expression for their share.
        target_percent: The share of good requests that the objective promises.
    """

    def __init__(
        self, name: str, *, api: API, bad: str, bad_percent: str, target_percent: float
    ) -> None:
        self.name = name
        self.target_percent = target_percent
        self._api = api
        self._bad = bad
        self._bad_percent = bad_percent
        self._budget_percent = round(100 - target_percent, 6)

    def burn_rate(
        self, window: cdk.Duration, *, needs_several: bool = False
    ) -> cloudwatch.MathExpression:
        """Return how many times faster than permitted the error budget is spent.

        At 1, it lasts 30 days.

        Args:
            window: The time over which requests are counted.
            needs_several: Whether the rate is 0 if there are too few bad requests to tell.
        """
        rate = f"{self._bad_percent} / {self._budget_percent:g}"
        if needs_several:
            rate = f"IF({self._bad} >= {_FEWEST_BAD_REQUESTS}, {rate}, 0)"
        return self._expression(rate, window, label=f"{self.name}: burn rate")

    def good_percent(self, window: cdk.Duration) -> cloudwatch.MathExpression:
        """Return the share of good requests, which the objective is about."""
        return self._expression(
            f"100 - {self._bad_percent}",
            window,
            label=f"{self.name} (%), objective {self.target_percent:g}",
        )

    def budget_left_percent(self, window: cdk.Duration) -> cloudwatch.MathExpression:
        """Return the share of the error budget that is left. Below 0, the objective is missed."""
        return self._expression(
            f"100 - 100 * {self._bad_percent} / {self._budget_percent:g}",
            window,
            label=f"{self.name}: error budget left (%)",
        )

    def _expression(
        self, expression: str, window: cdk.Duration, *, label: str
    ) -> cloudwatch.MathExpression:
        metrics = {"requests": self._api.http_api.metric_count(statistic="sum"), **self._counted()}
        # An alarm is billed for each of its metrics.
        used = {name: metric for name, metric in metrics.items() if name in expression}
        return cloudwatch.MathExpression(
            expression=expression, using_metrics=used, period=window, label=label
        )

    def _counted(self) -> dict[str, cloudwatch.IMetric]:
        raise NotImplementedError


class Availability(Indicator):
    """Counts as bad each 5xx response, of the function or of the gateway."""

    def __init__(self, *, api: API, objectives: Objectives) -> None:
        super().__init__(
            "Availability",
            api=api,
            bad="FILL(failed, 0)",
            bad_percent="(100 * FILL(failed, 0) / requests)",
            target_percent=objectives.available_percent,
        )

    def _counted(self) -> dict[str, cloudwatch.IMetric]:
        return {"failed": self._api.http_api.metric_server_error(statistic="sum")}


class Latency(Indicator):
    """Counts as bad each request that took longer than the objective says, with its cold start."""

    def __init__(self, *, api: API, objectives: Objectives) -> None:
        super().__init__(
            "Latency",
            api=api,
            bad="(requests * (100 - fast) / 100)",
            bad_percent="(100 - fast)",
            target_percent=objectives.fast_percent,
        )
        self._milliseconds = objectives.fast_milliseconds

    def _counted(self) -> dict[str, cloudwatch.IMetric]:
        # A percentile rank: the percentage of requests that took at most this long.
        statistic = cloudwatch.Stats.percentile_rank(self._milliseconds)
        return {"fast": self._api.http_api.metric_latency(statistic=statistic)}
