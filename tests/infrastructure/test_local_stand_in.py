"""What stands in for an environment on the local cloud is that, but for a few things.

localcloud/app.py makes it.
"""

import json
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import pytest

import app
import localcloud.app
from backend.monitoring.options import Operators
from tests.infrastructure.records import CONSTANTS, PRODUCTION, STAGING, with_operators
from tests.infrastructure.synthesis import synthesize

# Types that a stand-in may lack resources of.
ALARMS = {"AWS::CloudWatch::Alarm"}
ROLLOUT = {
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentConfig",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",  # the hook
    "AWS::Logs::LogGroup",
}
OPERATORS = {
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::KMS::Key",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
}
BACKUPS = {
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupSelection",
    "AWS::Backup::BackupVault",
    "AWS::IAM::Role",
}
# With somebody who hears.
RECORDS = {
    "staging": STAGING,
    "production": with_operators(
        PRODUCTION, Operators(pages=("a@example.com",), tickets=("b@example.com",))
    ),
}
MISSING = {
    "staging": ALARMS | ROLLOUT,
    "production": ALARMS | ROLLOUT | OPERATORS | BACKUPS,
}
# Properties that may differ: this machine's architecture, the id by which the door finds the API,
# and what is drawn of alarms.
CHANGED = {
    "AWS::Lambda::Function": {"Architectures"},
    "AWS::ApiGatewayV2::Api": {"Tags"},
    "AWS::ApiGatewayV2::Stage": {"Tags"},
    "AWS::CloudWatch::Dashboard": {"DashboardBody"},
}
VERSION = "AWS::Lambda::Version"  # its id has a digest of the function's properties

type Resources = dict[str, dict[str, Any]]


@pytest.mark.parametrize("name", MISSING)
def test_a_stand_in_differs_in_what_is_named_here_only(name: str, tmp_path: Path) -> None:
    ours, theirs = (
        _comparable(_synthesized(main, name, tmp_path / folder))
        for folder, main in (("stand-in", localcloud.app.main), ("own", app.main))
    )
    assert ours.keys() <= theirs.keys()
    assert {theirs[logical_id]["Type"] for logical_id in theirs.keys() - ours.keys()} <= (
        MISSING[name]
    )
    changed: dict[str, set[str]] = {}
    for logical_id, resource in ours.items():
        other = theirs[logical_id]
        if resource["Type"] == "AWS::Lambda::Alias":
            _forget_the_rollout(other, theirs.keys() - ours.keys())
        if resource != other:
            properties, others = resource.pop("Properties"), other.pop("Properties")
            assert resource == other
            changed.setdefault(resource["Type"], set()).update(
                key for key in properties | others if properties.get(key) != others.get(key)
            )
    assert changed == CHANGED


def _synthesized(main: Callable[[], None], name: str, folder: Path) -> dict[str, Any]:
    synthesize(main, {"environment": name}, folder, {**CONSTANTS, "ENVIRONMENTS": RECORDS})
    [path] = folder.glob("*.template.json")
    template: dict[str, Any] = json.loads(path.read_text())
    return template


def _forget_the_rollout(alias: dict[str, Any], missing: Set[str]) -> None:
    """Take away how the alias is updated, and that it waits for what does it."""
    alias.pop("UpdatePolicy", None)
    if kept := set(alias.pop("DependsOn", [])) - missing:
        alias["DependsOn"] = sorted(kept)


def _comparable(template: Mapping[str, Any]) -> Resources:
    """Its resources, without what says where they come from, and with one name for the version."""
    [version] = [
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == VERSION
    ]
    text = json.dumps(template["Resources"]).replace(version, "Version")
    resources: Resources = json.loads(text)
    for resource in resources.values():
        resource.pop("Metadata", None)
    return resources
