"""When the local cloud may be stopped so that the next start can deploy again."""

from pathlib import Path
from typing import Any

import pytest

from localcloud.deployment import Deployment
from localcloud.emulator import Emulator


@pytest.mark.parametrize(
    ("statuses", "is_whole"),
    [
        (["UPDATE_COMPLETE"], True),
        (["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"], True),
        (["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], True),
        (["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"], False),
        (["REVIEW_IN_PROGRESS"], True),  # nothing was done for it yet
    ],
)
def test_it_waits_until_no_stack_is_being_changed(
    statuses: list[str], is_whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(statuses)

    class CloudFormation:
        def describe_stacks(self) -> dict[str, Any]:
            stacks = ("CREATE_COMPLETE", next(left))
            return {"Stacks": [{"StackStatus": status} for status in stacks]}

    monkeypatch.setattr("boto3.client", lambda _: CloudFormation())
    assert Deployment(tmp_path, Emulator(tmp_path, 0)).settle() is is_whole
    assert next(left, None) is None
