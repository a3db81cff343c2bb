"""Nothing is flagged: each finding of a scanner is fixed, or accepted with a reason.

cfn-lint is in test_component.py; the CDK's own validation fails every synthesis.
"""

import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.conftest import PROGRAMS, Synthesize
from tests.infrastructure.scanning import (
    ALWAYS,
    IN_PRODUCTION,
    accepted_of_checkov,
    accepted_of_nag,
    compare,
    copy_unexcused,
    nag,
    resources,
    whole,
)
from tests.scanners import Report, checkov

# A developer's template differs from the sandbox's in names.
PACKS: dict[str, tuple[Any, ...]] = {
    name: IN_PRODUCTION if name == "production" else ALWAYS
    for name in PROGRAMS
    if name != "developer"
}


@pytest.fixture(scope="module")
def scanned(assemblies: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Checkov's report of each template as it is, and "unexcused": without what is accepted."""
    folder = tmp_path_factory.mktemp("templates")
    for name in PACKS:
        for path in assemblies[name].glob("*.template.json"):
            shutil.copy(path, folder / f"{name}.{path.name}")
            copy_unexcused(path, folder / f"unexcused.{name}.{path.name}")
    return checkov(folder)


@pytest.mark.parametrize("name", PACKS)
def test_cdk_nag_finds_just_what_is_accepted(
    name: str, synthesize: Synthesize, assemblies: Mapping[str, Path], tmp_path: Path
) -> None:
    found = nag(functools.partial(synthesize, *PROGRAMS[name]), tmp_path / name, PACKS[name])
    accepted = accepted_of_nag(assemblies[name], PACKS[name])
    # Accepted is a finding itself, or all that its rule finds in a policy.
    compare("cdk-nag", {f if f in accepted else whole(f) for f in found}, accepted)


def test_checkov_finds_just_what_is_accepted(
    scanned: Report, assemblies: Mapping[str, Path]
) -> None:
    accepted = {
        finding
        for name in PACKS
        for path in assemblies[name].glob("*.template.json")
        for finding in accepted_of_checkov(path, f"{name}.{path.name}")
    }
    assert accepted
    # Nothing as it is, and without the acceptances what they accept.
    found = {f._replace(file=f.file.removeprefix("unexcused.")) for f in scanned.failed}
    compare("checkov", found, accepted)
    assert scanned.failed == {f._replace(file=f"unexcused.{f.file}") for f in accepted}
    assert scanned.skipped.keys() == accepted
    for reason in scanned.skipped.values():
        assert len(reason) > 40


def test_every_acceptance_has_a_reason(assemblies: Mapping[str, Path]) -> None:
    for name in PACKS:
        for path in assemblies[name].glob("*.template.json"):
            for resource in resources(path).values():
                metadata = resource.get("Metadata", {})
                for entry in metadata.get("cdk_nag", {}).get("rules_to_suppress", []):
                    assert len(entry["reason"]) > 40
