"""Runs cdk-nag and cfn-lint, and reads the findings that the code accepts."""

import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

from tests.scanners import Finding
from tooling.install import PYTHON

ALWAYS = (AwsSolutionsChecks, ServerlessChecks)
IN_PRODUCTION = (*ALWAYS, NIST80053R5Checks)
_PREFIXES = {
    AwsSolutionsChecks: "AwsSolutions-",
    ServerlessChecks: "Serverless-",
    NIST80053R5Checks: "NIST.800.53.R5-",
}


class Nagged(NamedTuple):
    """A finding of cdk-nag.

    Attributes:
        rule: The rule's id.
        path: The construct's path.
    """

    rule: str
    path: str


def nag(synthesize: Callable[[Path], None], folder: Path, packs: Iterable[Any]) -> set[Nagged]:
    """Synthesize into a folder, and return what cdk-nag finds, accepted findings included.

    Args:
        synthesize: Synthesizes into a folder.
        folder: The folder.
        packs: The packs of rules.
    """
    with pytest.MonkeyPatch.context() as patch:
        plain = cdk.App

        def with_packs(**arguments: Any) -> cdk.App:
            made = plain(**arguments)
            for pack in packs:
                cdk.Validations.of(made).add_plugins(pack(made))
            return made

        patch.setattr(cdk, "App", with_packs)
        patch.setattr(cdk.Validations, "acknowledge", lambda *_arguments: None)
        try:
            synthesize(folder)
        except RuntimeError as failure:
            if "ValidationFailed" not in str(failure):
                raise
    return _nagged(folder / "validation-report.json")


def _nagged(report: Path) -> set[Nagged]:
    reports = json.loads(report.read_text())["pluginReports"]
    return {
        Nagged(violation["ruleName"], construct["constructPath"])
        for r in reports
        if r["pluginName"] != "Construct Annotations"  # warnings of the app itself
        for violation in r["violations"]
        for construct in violation["violatingConstructs"]
        # The stacks that the pipeline deploys are tested by themselves.
        if "/Backend/" not in construct["constructPath"]
    }


def compare(tool: str, found: set[Any], accepted: set[Any]) -> None:
    """Fail unless what a scanner finds is what the code accepts."""
    lines = [
        f"{tool} finds {', '.join(finding)}: fix it, or accept it, with a reason, "
        "by accept() in the unit's findings.py."
        for finding in sorted(found - accepted)
    ]
    lines += [
        f"{tool} doesn't find {', '.join(finding)} any more: don't accept it."
        for finding in sorted(accepted - found)
    ]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def whole(found: Nagged) -> Nagged:
    """Return the finding without details, such as IAM5 for IAM5[Action::...]."""
    return found._replace(rule=found.rule.split("[")[0])


def accepted_of_nag(assembly: Path, packs: Iterable[Any]) -> set[Nagged]:
    """Return the packs' findings that the code accepts in an assembly."""
    wanted = tuple(_PREFIXES[pack] for pack in packs)
    return {
        Nagged(entry["id"], resource["Metadata"]["aws:cdk:path"])
        for path in assembly.glob("*.template.json")
        for resource in resources(path).values()
        for entry in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
        if entry["id"].startswith(wanted)
    }


def accepted_of_checkov(template: Path, file: str) -> set[Finding]:
    """Return checkov's findings that the code accepts in a template, which checkov calls `file`."""
    return {
        Finding(entry["id"], file, logical_id)
        for logical_id, resource in resources(template).items()
        for entry in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def copy_unexcused(template: Path, copy: Path) -> None:
    """Copy a template without what tells checkov to skip findings."""
    content = json.loads(template.read_text())
    for resource in content["Resources"].values():
        resource.get("Metadata", {}).pop("checkov", None)
    copy.write_text(json.dumps(content))


def resources(template: Path) -> dict[str, Any]:
    """Return a template's resources by logical id."""
    found: dict[str, Any] = json.loads(template.read_text())["Resources"]
    return found


def cfn_lint(templates: Iterable[Path]) -> str:
    """Return what cfn-lint finds; "" if there is nothing."""
    # W3005: the CDK writes a DependsOn that a reference already implies.
    command = [str(PYTHON.with_name("cfn-lint")), "--ignore-checks", "W3005", "--"]
    done = subprocess.run(
        [*command, *map(str, templates)], check=False, capture_output=True, text=True
    )
    found = done.stdout + done.stderr
    assert bool(done.returncode) == bool(found), found
    return found
