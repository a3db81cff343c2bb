"""Nothing is flagged: each finding of a scanner is fixed, or accepted with a reason.

cfn-lint is in test_component.py; the CDK's own validation fails every synthesis.
"""

import functools
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import app
import toolchain
from tests.infrastructure.conftest import Synthesize
from tests.infrastructure.scanning import (
    ALWAYS,
    IN_PRODUCTION,
    Nagged,
    accepted_of_checkov,
    accepted_of_nag,
    copy_unexcused,
    nag,
    resources,
    whole,
)
from tests.scanners import Report, checkov

PACKS: dict[str, tuple[Any, ...]] = {
    "local": ALWAYS,
    "sandbox": ALWAYS,
    "staging": ALWAYS,
    "production": IN_PRODUCTION,
    "toolchain": ALWAYS,
}

type Nag = Callable[..., set[Nagged]]


@pytest.fixture
def nagged(synthesize: Synthesize, tmp_path: Path) -> Nag:
    """Runs an environment's packs."""

    def run(name: str, *, unexcused: bool) -> set[Nagged]:
        main, arguments = (
            (toolchain.main, {}) if name == "toolchain" else (app.main, {"environment": name})
        )
        return nag(
            functools.partial(synthesize, main, arguments),
            tmp_path / name,
            PACKS[name],
            unexcused=unexcused,
        )

    return run


@pytest.fixture(scope="module")
def scanned(
    assemblies: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Report]:
    """Checkov's reports: "as it is", and "unexcused", without anything that is accepted."""
    reports = {}
    for kind in ("as it is", "unexcused"):
        folder = tmp_path_factory.mktemp("templates")
        for name in PACKS:
            for path in assemblies[name].glob("*.template.json"):
                copy = folder / f"{name}.{path.name}"
                if kind == "unexcused":
                    copy_unexcused(path, copy)
                else:
                    shutil.copy(path, copy)
        reports[kind] = checkov(folder)
    return reports


@pytest.mark.parametrize("name", PACKS)
def test_cdk_nag_finds_nothing(name: str, nagged: Nag, assemblies: Mapping[str, Path]) -> None:
    accepted = accepted_of_nag(assemblies[name], PACKS[name])
    found = nagged(name, unexcused=False)
    assert {finding for finding in found if whole(finding) not in accepted} == set()


@pytest.mark.parametrize("name", PACKS)
def test_cdk_nag_would_find_just_what_is_accepted(
    name: str, nagged: Nag, assemblies: Mapping[str, Path]
) -> None:
    found = nagged(name, unexcused=True)
    accepted = accepted_of_nag(assemblies[name], PACKS[name])
    assert set(map(whole, found)) == set(map(whole, accepted))


def test_checkov_finds_nothing(scanned: dict[str, Report]) -> None:
    assert set(scanned["as it is"].failed) == set()


def test_checkov_would_find_just_what_is_accepted(
    scanned: dict[str, Report], assemblies: Mapping[str, Path]
) -> None:
    accepted = {
        finding
        for name in PACKS
        for path in assemblies[name].glob("*.template.json")
        for finding in accepted_of_checkov(path, f"{name}.{path.name}")
    }
    assert set(scanned["unexcused"].failed) == accepted
    assert scanned["as it is"].skipped.keys() == accepted
    for reason in scanned["as it is"].skipped.values():
        assert len(reason) > 40


def test_every_acceptance_has_a_reason(assemblies: Mapping[str, Path]) -> None:
    for name in PACKS:
        for path in assemblies[name].glob("*.template.json"):
            for resource in resources(path).values():
                metadata = resource.get("Metadata", {})
                for entry in metadata.get("cdk_nag", {}).get("rules_to_suppress", []):
                    assert len(entry["reason"]) > 40
