"""How long a call of a client may take, whatever it meets."""

import random
import time
from collections.abc import Callable
from typing import Final

from backend.users.errors import Unavailable

_FIRST_PAUSE_SECONDS: Final = 0.025
_LONGEST_PAUSE_SECONDS: Final = 0.8


class Deadline:
    """When a call must have ended, and the pauses before it tries again.

    Args:
        seconds: from now.
        clock: the time in seconds, from any beginning.
        sleep: takes seconds.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._end = clock() + seconds
        self._longest = _FIRST_PAUSE_SECONDS

    def attempt(self, seconds: float) -> "Deadline":
        """Make the deadline of one attempt: so many seconds from now, but never after this one."""
        left = self._end - self._clock()
        return Deadline(min(seconds, left), clock=self._clock, sleep=self._sleep)

    def remaining(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: there are none.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left

    def pause(self, reason: str, *, at_least: float = 0, at_most: float | None = None) -> None:
        """Sleep for a random time ("full jitter"), so that no two callers stay in step.

        Args:
            reason: why the call goes on, for the log.
            at_least: the seconds that DynamoDB asked for.
            at_most: without it, twice as much for each pause.

        Raises:
            Unavailable: the pause would end after the deadline.
        """
        if at_most is None:
            at_most = self._longest
            self._longest = min(2 * self._longest, _LONGEST_PAUSE_SECONDS)
        pause = max(at_least, random.uniform(0, at_most))  # noqa: S311 it keeps no secret
        if self._clock() + pause >= self._end:
            raise Unavailable(reason)
        self._sleep(pause)
