"""The hook of a rollout with the deployed function: what it lets pass, and that it leaves nothing.

What else may be broken in a new version: tests/unit/rollout.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from backend.rollout.runtime import hook
from localcloud.hotswap import function_of_the_api
from tests.conformance import table as tables
from tests.deployed import Client
from tests.unit.rollout.codedeploy import codedeploy

EVENT = {"DeploymentId": "d-TEST00001", "LifecycleEventHookExecutionId": "e-1"}


@pytest.fixture
def somebody(api: Client) -> Iterator[None]:
    """A user who is there all the time, so that the table isn't empty before and after."""
    name = f"e2e-{uuid.uuid4()}"
    user = {"username": name, "email": f"{name}@example.com"}
    assert api.post("/users", json=user).status_code == 201
    yield
    assert api.delete(f"/users/{name}").status_code == 204


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({}, "Succeeded", id="whole"),
        pytest.param({"Handler": "missing.handler"}, "Failed", id="does not start"),
        pytest.param({"Environment": {"Variables": {}}}, "Failed", id="has no settings"),
        pytest.param({"TABLE_NAME": "no-such-table"}, "Failed", id="has no table"),
    ],
)
@pytest.mark.usefixtures("somebody")
def test_only_a_version_that_works_passes_and_the_table_is_as_it_was(
    change: dict[str, Any], status: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tables.find_table(endpoint)  # never of an AWS account
    before = _items(table)
    assert before
    reports: list[dict[str, Any]] = []
    with codedeploy(reports) as address, _version(change) as (new, live):
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEDEPLOY", address)
        monkeypatch.setenv("NEW_VERSION", new)
        monkeypatch.setenv("LIVE_ALIAS", live)
        hook.handler(EVENT, None)
    assert [report["status"] for report in reports] == [status]
    assert _items(table) == before


@contextmanager
def _version(change: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Publish a version of the API's function; gives its ARN and the live alias's."""
    client = boto3.client("lambda")
    name, alias = function_of_the_api()
    live = client.get_alias(FunctionName=name, Name=alias)["AliasArn"]
    whole = client.get_function_configuration(FunctionName=name)
    kept = {member: whole[member] for member in ("Handler", "Environment")}
    if "TABLE_NAME" in change:
        variables = {**kept["Environment"]["Variables"], **change}
        change = {"Environment": {"Variables": variables}}
    try:
        client.update_function_configuration(
            FunctionName=name, **{**kept, **change}, Description="changed"
        )
        number = client.publish_version(FunctionName=name)["Version"]
    finally:
        client.update_function_configuration(
            FunctionName=name, **kept, Description=whole["Description"]
        )
    try:
        yield f"{live.removesuffix(f':{alias}')}:{number}", live
    finally:
        client.delete_function(FunctionName=name, Qualifier=number)


def _items(table: Any) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in tables.scan(table))
