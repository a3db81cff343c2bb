from typing import TYPE_CHECKING, Any

import botocore
import pytest

from table import make_client

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return make_client()


def sent(client: Any, **parameters: Any) -> "AWSPreparedRequest":
    requests: list[AWSPreparedRequest] = []

    def stop(request: "AWSPreparedRequest", **_: Any) -> None:
        requests.append(request)
        raise InterruptedError

    client.meta.events.register("before-send", stop)
    with pytest.raises(InterruptedError):
        client.get_item(TableName="users", **parameters)
    return requests[0]


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
