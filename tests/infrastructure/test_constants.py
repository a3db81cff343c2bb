"""What constants.py holds can be deployed, and nothing is flagged by it.

Each finding of a scanner is fixed, or accepted with a reason. The CDK's own validation fails every
synthesis. All other tests have records of their own.
"""

import functools
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import app
import constants
import toolchain
from localcloud.app import stand_in
from localcloud.emulator import API_ID
from tests.infrastructure.scanning import (
    ALWAYS,
    IN_PRODUCTION,
    Nagged,
    accepted_of_checkov,
    accepted_of_nag,
    cfn_lint,
    compare,
    copy_unexcused,
    nag,
    resources,
    whole,
)
from tests.infrastructure.synthesis import synthesize
from tests.scanners import Report, checkov

# Whose users outlive the stack: trial data doesn't.
KEEPING = [name for name, r in constants.ENVIRONMENTS.items() if r.removal_policy != "DESTROY"]
PROGRAMS: dict[str, tuple[Callable[[], None], dict[str, str]]] = {
    **{name: (app.main, {"environment": name}) for name in constants.ENVIRONMENTS},
    "toolchain": (toolchain.main, {}),
}
PACKS = {name: IN_PRODUCTION if name in KEEPING else ALWAYS for name in PROGRAMS}


class Synthesized(NamedTuple):
    """A program's assembly, and all that cdk-nag finds in it, accepted findings included."""

    folder: Path
    nagged: set[Nagged]


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Synthesized]:
    made = {}
    for name, (main, arguments) in PROGRAMS.items():
        folder = tmp_path_factory.mktemp("constants") / name
        found = nag(functools.partial(synthesize, main, arguments, values={}), folder, PACKS[name])
        made[name] = Synthesized(folder, found)
    return made


@pytest.fixture(scope="module")
def files(synthesized: Mapping[str, Synthesized]) -> Mapping[str, Path]:
    """By a name of its own, each template; what the pipeline deploys is the same."""
    return {
        f"{name}.{path.name}": path
        for name, (folder, _) in synthesized.items()
        for path in folder.glob("*.template.json")
    }


@pytest.fixture(scope="module")
def scanned(files: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Checkov's report of each template as it is, and "unexcused": without what is accepted."""
    folder = tmp_path_factory.mktemp("templates")
    for name, path in files.items():
        shutil.copy(path, folder / name)
        copy_unexcused(path, folder / f"unexcused.{name}")
    return checkov(folder)


@pytest.mark.parametrize("name", constants.ENVIRONMENTS)
def test_each_environment_is_one_stack_of_its_name(
    name: str, synthesized: Mapping[str, Synthesized]
) -> None:
    manifest = json.loads((synthesized[name].folder / "manifest.json").read_text())
    stacks = [k for k, a in manifest["artifacts"].items() if a["type"].endswith(":stack")]
    assert stacks == [constants.ENVIRONMENTS[name].stack_name]


@pytest.mark.parametrize("name", KEEPING)
def test_users_that_outlive_the_stack_are_protected_and_can_be_restored(name: str) -> None:
    record = constants.ENVIRONMENTS[name]
    assert record.deletion_protection, f"{record.name} keeps its users: set deletion_protection"
    assert record.database.point_in_time_recovery, (
        f"{record.name} keeps its users: set point_in_time_recovery, or nothing brings back what a"
        " bad release deletes"
    )


def test_the_pipeline_deploys_environments_that_people_can_deploy_too() -> None:
    known = constants.ENVIRONMENTS.values()
    missing = [e.name for wave in constants.WAVES for e in wave if e not in known]
    assert not missing, "add these to ENVIRONMENTS, for -c environment= and ./scripts/restore"


def test_the_local_cloud_can_do_what_its_record_asks_for() -> None:
    assert constants.LOCAL.api.tags.get("ms-custom-id") == API_ID, "the API's address needs the tag"
    assert stand_in(constants.LOCAL) == constants.LOCAL, "localcloud/app.py says what it can't do"


@pytest.mark.parametrize("name", PACKS)
def test_cdk_nag_finds_just_what_is_accepted(
    name: str, synthesized: Mapping[str, Synthesized]
) -> None:
    folder, found = synthesized[name]
    accepted = accepted_of_nag(folder, PACKS[name])
    # Accepted is a finding itself, or all that its rule finds in a policy.
    compare("cdk-nag", {f if f in accepted else whole(f) for f in found}, accepted)


def test_checkov_finds_just_what_is_accepted(scanned: Report, files: Mapping[str, Path]) -> None:
    accepted = {f for name, path in files.items() for f in accepted_of_checkov(path, name)}
    assert accepted
    # Nothing as it is, and without the acceptances what they accept.
    found = {f._replace(file=f.file.removeprefix("unexcused.")) for f in scanned.failed}
    compare("checkov", found, accepted)
    assert scanned.failed == {f._replace(file=f"unexcused.{f.file}") for f in accepted}
    assert scanned.skipped.keys() == accepted
    for reason in scanned.skipped.values():
        assert len(reason) > 40


def test_every_acceptance_has_a_reason(files: Mapping[str, Path]) -> None:
    for path in files.values():
        for resource in resources(path).values():
            metadata = resource.get("Metadata", {})
            for entry in metadata.get("cdk_nag", {}).get("rules_to_suppress", []):
                assert len(entry["reason"]) > 40


def test_cfn_lint_finds_nothing(files: Mapping[str, Path]) -> None:
    if found := cfn_lint(files.values()):
        pytest.fail(f"{found}Correct what the unit's infrastructure.py makes.", pytrace=False)
