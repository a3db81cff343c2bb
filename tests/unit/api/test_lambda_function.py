import importlib
import sys

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from localcloud.events import event


def test_no_message_of_the_log_is_tried_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TABLE_NAME": "users",
        "METRICS_NAMESPACE": "Tests",
        "LOG_LEVEL": "INFO",
        "DEBUG_SHARE": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "lambda_function", raising=False)
    handler = importlib.import_module("lambda_function").handler
    tried: list[object] = []
    monkeypatch.setattr("json.JSONDecoder.decode", lambda _, text: tried.append(text))
    request = {**event("GET", "/nowhere"), "routeKey": "$default"}
    assert handler(request, LambdaContext())["statusCode"] == 404
    assert not tried
