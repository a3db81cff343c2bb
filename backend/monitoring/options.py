"""What an environment promises its callers, and whom alarms reach."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """Service level objectives, each over the last 30 days.

    Attributes:
        available_percent: of the requests, whose response is no 5xx.
        fast_percent: of the requests, whose response takes at most `fast_milliseconds`.
        fast_milliseconds: as the gateway measures it.
    """

    available_percent: float
    fast_percent: float
    fast_milliseconds: int


@dataclass(frozen=True, kw_only=True)
class Operators:
    """Whom alarms reach: email addresses, or https:// URLs that accept SNS notifications.

    Attributes:
        pages: for what can't wait; nobody is woken for anything else.
        tickets: for what somebody has to look at on a working day.
    """

    pages: tuple[str, ...]
    tickets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MonitoringOptions:
    """Options of the dashboard and the alarms.

    Attributes:
        objectives: what callers are promised; None promises nothing, and no alarm watches it.
        operators: whom alarms reach, which needs objectives. None makes alarms only if the
            environment has a rollout, which checks them.
        runbook: the URL of the page that has a section for each alarm.
        concurrency_quota: how many executions all functions of the account and region together may
            have at once. AWS's default is 1,000; a new account may have less.
    """

    objectives: Objectives | None = None
    operators: Operators | None = None
    runbook: str
    concurrency_quota: int = 1000
