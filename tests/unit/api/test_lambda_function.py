import gc
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from localcloud.events import event

MODULE = "backend.api.runtime.lambda_function"


@pytest.fixture
def collections() -> list[str]:
    """Each time that garbage is looked for while the function starts."""
    return []


@pytest.fixture
def function(
    in_lambda: None, monkeypatch: pytest.MonkeyPatch, collections: list[str]
) -> Iterator[ModuleType]:
    """The module, started once more."""
    for name, value in {
        "TABLE_NAME": "users",
        "METRICS_NAMESPACE": "Tests",
        "LOG_LEVEL": "INFO",
        "DEBUG_SHARE": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    thresholds = gc.get_threshold()

    def note(phase: str, _: object) -> None:
        collections.append(phase)

    gc.set_threshold(100, *thresholds[1:])
    gc.callbacks.append(note)
    try:
        yield importlib.import_module(MODULE)
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def test_no_message_of_the_log_is_tried_as_json(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr("json.JSONDecoder.decode", lambda _, text: tried.append(text))
    request = {**event("GET", "/nowhere"), "routeKey": "$default"}
    assert function.handler(request, LambdaContext())["statusCode"] == 404
    assert not tried


def test_garbage_is_collected_but_not_looked_for_among_what_a_start_made(
    function: ModuleType, collections: list[str]
) -> None:
    assert len(collections) < 10
    assert gc.isenabled()
    assert all(tracked is not function.handler for tracked in gc.get_objects())
    assert gc.get_freeze_count() > 10_000
