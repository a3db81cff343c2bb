"""A rollout that can't work is refused where it is written, with a sentence."""

from dataclasses import replace

import pytest

from backend.rollout.options import RolloutOptions
from tests.infrastructure.records import LOCAL


@pytest.mark.parametrize(("percent", "minutes"), [(0, 10), (100, 10), (10, 0), (10, 2881)])
def test_what_codedeploy_would_refuse_is_refused(percent: int, minutes: int) -> None:
    limits = "1 to 99 percent, and 1 to 2880 minutes"
    with pytest.raises(ValueError, match=f"{limits}; not {percent} percent and {minutes} minutes"):
        RolloutOptions(percent=percent, minutes=minutes)


def test_a_rollout_needs_what_rolls_it_back() -> None:
    with pytest.raises(ValueError, match="Local: A rollout needs objectives"):
        replace(LOCAL, rollout=RolloutOptions(percent=10, minutes=10))
