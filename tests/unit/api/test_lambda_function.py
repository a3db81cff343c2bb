import gc
import importlib
import sys
from types import ModuleType

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from localcloud.events import event


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, started once more."""
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
    return importlib.import_module("lambda_function")


def test_no_message_of_the_log_is_tried_as_json(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr("json.JSONDecoder.decode", lambda _, text: tried.append(text))
    request = {**event("GET", "/nowhere"), "routeKey": "$default"}
    assert function.handler(request, LambdaContext())["statusCode"] == 404
    assert not tried


def test_garbage_is_collected_but_not_looked_for_among_what_a_start_made(
    function: ModuleType,
) -> None:
    assert gc.isenabled()
    assert all(tracked is not function.handler for tracked in gc.get_objects())
    assert gc.get_freeze_count() > 10_000
