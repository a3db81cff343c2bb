"""How an environment shifts traffic to new code."""

from dataclasses import dataclass
from typing import Literal

_LONGEST_MINUTES = 48 * 60


@dataclass(frozen=True, kw_only=True)
class RolloutOptions:
    """How CodeDeploy shifts traffic to new code.

    Attributes:
        routing: "canary" shifts `percent` first and the rest after `minutes`; "linear" shifts
            `percent` more every `minutes`.
        percent: The share of traffic, 1 to 99.
        minutes: The time between shifts, 1 to 2880. The alarms look back 5 minutes: a shorter
            canary can be over before they are red.
    """

    routing: Literal["canary", "linear"] = "canary"
    percent: int
    minutes: int

    def __post_init__(self) -> None:
        """Refuse what CodeDeploy would refuse only during a deployment."""
        if not (1 <= self.percent <= 99 and 1 <= self.minutes <= _LONGEST_MINUTES):  # noqa: PLR2004
            raise ValueError(
                f"A rollout takes 1 to 99 percent, and 1 to {_LONGEST_MINUTES} minutes; not"
                f" {self.percent} percent and {self.minutes} minutes."
            )
