"""Nothing is flagged: each finding of a scanner is fixed, or accepted with a reason.

cfn-lint is in test_component.py; the CDK's own validation fails every synthesis.
"""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

import app
import toolchain
from tests.infrastructure.conftest import Synthesize
from tests.scanners import Finding, Report, checkov

ALWAYS = (AwsSolutionsChecks, ServerlessChecks)
PACKS: dict[str, tuple[Any, ...]] = {
    "local": ALWAYS,
    "sandbox": ALWAYS,
    "staging": ALWAYS,
    "production": (*ALWAYS, NIST80053R5Checks),
    "toolchain": ALWAYS,
}


class Nagged(NamedTuple):
    """A rule of a pack, and the path of the construct."""

    rule: str
    path: str


type Nag = Callable[[str], set[Nagged]]


@pytest.fixture
def nag(synthesize: Synthesize, context: dict[str, Any], tmp_path: Path) -> Nag:
    """Runs an environment's packs."""

    def run(name: str) -> set[Nagged]:
        with pytest.MonkeyPatch.context() as patch:
            plain = cdk.App

            def with_packs(**arguments: Any) -> cdk.App:
                made = plain(**arguments)
                for pack in PACKS[name]:
                    cdk.Validations.of(made).add_plugins(pack(made))
                return made

            patch.setattr(cdk, "App", with_packs)
            is_toolchain = name == "toolchain"
            try:
                synthesize(
                    toolchain.main if is_toolchain else app.main,
                    {} if is_toolchain else {"environment": name},
                    tmp_path / name,
                )
            except RuntimeError as failure:
                if "ValidationFailed" not in str(failure):
                    raise
        return _nagged(tmp_path / name / "validation-report.json")

    return run


@pytest.fixture(scope="module")
def scanned(
    assemblies: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Report]:
    """checkov's reports: "as it is", and "unexcused", without anything that is accepted."""
    reports = {}
    for kind in ("as it is", "unexcused"):
        folder = tmp_path_factory.mktemp("templates")
        for name in PACKS:
            [path] = assemblies[name].glob("*.template.json")
            template = json.loads(path.read_text())
            if kind == "unexcused":
                for resource in template["Resources"].values():
                    resource.get("Metadata", {}).pop("checkov", None)
            (folder / f"{name}.json").write_text(json.dumps(template))
        reports[kind] = checkov(folder)
    return reports


@pytest.mark.parametrize("name", PACKS)
def test_cdk_nag_finds_nothing(name: str, nag: Nag, assemblies: Mapping[str, Path]) -> None:
    accepted = _accepted(assemblies[name], PACKS[name])
    unexcused = nag(name)
    # All that one rule finds in one policy, as IAM5[Action::...], can be accepted together.
    assert {found for found in unexcused if _whole(found) not in accepted} == set()


@pytest.mark.parametrize("name", PACKS)
def test_cdk_nag_would_find_just_what_is_accepted(
    name: str, nag: Nag, assemblies: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cdk.Validations, "acknowledge", lambda *_arguments: None)
    found = {_whole(found) for found in nag(name)}
    assert found == {_whole(accepted) for accepted in _accepted(assemblies[name], PACKS[name])}


def test_checkov_finds_nothing(scanned: dict[str, Report]) -> None:
    assert set(scanned["as it is"].failed) == set()


def test_checkov_would_find_just_what_is_accepted(
    scanned: dict[str, Report], assemblies: Mapping[str, Path]
) -> None:
    accepted = {
        Finding(entry["id"], f"{name}.json", logical_id)
        for name in PACKS
        for logical_id, resource in _resources(assemblies[name]).items()
        for entry in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    assert set(scanned["unexcused"].failed) == accepted
    assert scanned["as it is"].skipped.keys() == accepted
    for reason in scanned["as it is"].skipped.values():
        assert len(reason) > 40


def test_every_acceptance_has_a_reason(assemblies: Mapping[str, Path]) -> None:
    for name in PACKS:
        for resource in _resources(assemblies[name]).values():
            metadata = resource.get("Metadata", {})
            for entry in metadata.get("cdk_nag", {}).get("rules_to_suppress", []):
                assert len(entry["reason"]) > 40


def _nagged(report: Path) -> set[Nagged]:
    reports = json.loads(report.read_text())["pluginReports"]
    return {
        Nagged(violation["ruleName"], construct["constructPath"])
        for r in reports
        if r["pluginName"] != "Construct Annotations"  # the app's own warnings
        for violation in r["violations"]
        for construct in violation["violatingConstructs"]
        # What the pipeline deploys: each environment has a row of its own.
        if "/Backend/" not in construct["constructPath"]
    }


def _whole(found: Nagged) -> Nagged:
    return found._replace(rule=found.rule.split("[")[0])


def _accepted(assembly: Path, packs: tuple[Any, ...]) -> set[Nagged]:
    prefixes = {
        AwsSolutionsChecks: "AwsSolutions-",
        ServerlessChecks: "Serverless-",
        NIST80053R5Checks: "NIST.800.53.R5-",
    }
    wanted = tuple(prefixes[pack] for pack in packs)
    return {
        Nagged(entry["id"], resource["Metadata"]["aws:cdk:path"])
        for resource in _resources(assembly).values()
        for entry in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
        if entry["id"].startswith(wanted)
    }


@functools.cache
def _resources(assembly: Path) -> dict[str, Any]:
    [path] = assembly.glob("*.template.json")
    resources: dict[str, Any] = json.loads(path.read_text())["Resources"]
    return resources
