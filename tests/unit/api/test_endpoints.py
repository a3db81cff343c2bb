import re
from typing import Any

import botocore.session
import pytest

from table import make_client
from tests.sdk import sent

pytestmark = pytest.mark.usefixtures("in_lambda")


def sent_to(client: Any) -> tuple[str, str]:
    """The address that a request goes to, and what it is signed for."""
    request = sent(client, Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    authorization: Any = request.headers["Authorization"]
    [scope] = re.findall(rb"Credential=test/\d{8}/(\S+),", authorization)
    return request.url, scope.decode()


@pytest.mark.parametrize(
    "region", [*botocore.session.get_session().get_available_regions("dynamodb"), "cn-north-1"]
)
def test_requests_go_where_the_rules_would_send_them(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    by_the_rules = botocore.session.get_session().create_client("dynamodb")
    assert sent_to(make_client()) == sent_to(by_the_rules)


def test_an_address_that_is_configured_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:4")
    url, scope = sent_to(make_client())
    assert (url, scope) == ("http://localhost:4/", "us-east-1/dynamodb/aws4_request")


def test_no_request_asks_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def ask(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("botocore.regions.EndpointRulesetResolver.construct_endpoint", ask)
    sent_to(make_client())
