"""What callers are promised, and who hears when it is about to be broken. Data, no construct."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """Service level objectives, each over the last 30 days.

    available_percent: of the requests, answered by something else than a 5xx.
    fast_percent: of the requests, answered within fast_milliseconds, as the gateway measures it.
    """

    available_percent: float
    fast_percent: float
    fast_milliseconds: int


@dataclass(frozen=True, kw_only=True)
class Operators:
    """Whom alarms reach: addresses of mail, or https:// addresses that take notifications of SNS.

    pages: for what must not wait; nobody is woken for anything else.
    tickets: for what must be looked at on a working day.
    """

    pages: tuple[str, ...]
    tickets: tuple[str, ...]
