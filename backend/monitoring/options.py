"""What an environment promises its callers, and whom its alarms notify."""

from dataclasses import dataclass
from typing import Final

# How many times faster than permitted the error budget is used up when somebody is paged first
# (https://sre.google/workbook/alerting-on-slos/), and when a rollout is taken back.
HIGHEST_BURN_RATE: Final = 14.4
# Fewer failed or slow requests prove nothing.
FEWEST_BAD_REQUESTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """Service level objectives, each over the last 30 days.

    Attributes:
        available_percent: The share of requests whose response is no 5xx.
        fast_percent: The share of requests that take at most `fast_milliseconds`.
        fast_milliseconds: A request's time, as the gateway measures it.
    """

    available_percent: float
    fast_percent: float
    fast_milliseconds: int


@dataclass(frozen=True, kw_only=True)
class Operators:
    """Whom alarms notify: email addresses, or https:// URLs that accept SNS notifications.

    Attributes:
        pages: For what can't wait.
        tickets: For what can wait for a working day.
    """

    pages: tuple[str, ...]
    tickets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MonitoringOptions:
    """Options of the dashboard and the alarms.

    Attributes:
        objectives: What callers are promised. None makes no alarms about it.
        operators: Whom alarms notify. They need objectives. None makes alarms only if a unit acts
            on them.
        runbook: The URL of the page that has a section for each alarm.
        concurrency_quota: How many executions the account's functions may have at once in the
            region. AWS's default is 1,000; a new account may have less.
    """

    objectives: Objectives | None = None
    operators: Operators | None = None
    runbook: str
    concurrency_quota: int = 1000
