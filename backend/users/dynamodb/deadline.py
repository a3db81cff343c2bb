"""A limit on the time that a call of the API may take, over all attempts and pauses."""

import random
import time
from collections.abc import Callable
from typing import Final

from backend.users.errors import Unavailable

_FIRST_PAUSE_SECONDS: Final = 0.025
_MAX_PAUSE_SECONDS: Final = 0.8


class Deadline:
    """The time when a call must have ended, and the pauses between its attempts.

    Args:
        seconds: How far away it is.
        clock: Returns a monotonic time in seconds.
        sleep: Sleeps for a number of seconds.
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
        self._max_pause = _FIRST_PAUSE_SECONDS

    def attempt(self, seconds: float) -> "Deadline":
        """Return the deadline of one attempt: `seconds` from now, but never after this one."""
        left = self._end - self._clock()
        return Deadline(min(seconds, left), clock=self._clock, sleep=self._sleep)

    def remaining(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: The deadline has passed.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left

    def pause(self, reason: str, *, at_least: float = 0, at_most: float | None = None) -> None:
        """Sleep for a random time ("full jitter"), so that callers don't retry in step.

        Args:
            reason: Why the call has to try again, for the log.
            at_least: The seconds that DynamoDB asked to wait.
            at_most: The longest pause in seconds; None for a limit that doubles with each pause.

        Raises:
            Unavailable: The pause would end after the deadline.
        """
        if at_most is None:
            at_most = self._max_pause
            self._max_pause = min(2 * self._max_pause, _MAX_PAUSE_SECONDS)
        pause = max(at_least, random.uniform(0, at_most))  # noqa: S311 it keeps no secret
        if self._clock() + pause >= self._end:
            raise Unavailable(reason)
        self._sleep(pause)
