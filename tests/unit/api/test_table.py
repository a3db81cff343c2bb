from typing import Any

import botocore
import pytest

from tests.sdk import sent


def test_requests_name_the_sdk_and_its_version(client: Any) -> None:
    agent: Any = sent(client, Key={}).headers["User-Agent"]
    assert agent.decode().split()[0] == f"Botocore/{botocore.__version__}"


def test_no_request_puts_the_user_agent_together(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.useragent.UserAgentComponent.to_string", pytest.fail)
    sent(client, Key={})


def test_no_request_is_checked_by_the_sdk(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.validate.ParamValidator.validate", pytest.fail)
    sent(client, Key={})
