"""A team that fills in constants.py, as docs/pipeline.md says, has nothing flagged by that."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import app
import toolchain
from backend.environment import Environment, Target
from backend.monitoring.options import Operators
from tests.infrastructure.records import CONSTANTS, PRODUCTION, STAGING, with_operators
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
    whole,
)
from tests.infrastructure.synthesis import synthesize
from tests.scanners import checkov

PIPELINE_ACCOUNT = "111111111111"
SOURCE = {
    "SOURCE_REPOSITORY": "acme/users",
    "SOURCE_CONNECTION_ARN": (f"arn:aws:codeconnections:us-east-1:{PIPELINE_ACCOUNT}:connection/1"),
}
HEARD = with_operators(
    PRODUCTION,
    Operators(
        pages=("pages@example.com", "https://pages.example.com/sns"),
        tickets=("tickets@example.com",),
    ),
)


def elsewhere(record: Environment, account: str, region: str) -> Environment:
    return replace(
        record,
        target=Target(account=account, region=region),
        pipeline_account=PIPELINE_ACCOUNT,
    )


ABROAD = elsewhere(STAGING, "222222222222", "us-east-1")
REGIONS = (
    elsewhere(HEARD, "333333333333", "us-east-1"),
    elsewhere(replace(HEARD, name="Production-EU"), "333333333333", "eu-west-1"),
)
# What a team has in constants.py; the second way in three accounts and two regions.
WAYS: dict[str, dict[str, Any]] = {
    "one account": {
        **CONSTANTS,
        **SOURCE,
        "ENVIRONMENTS": {"staging": STAGING, "production": HEARD},
        "WAVES": ((STAGING,), (HEARD,)),
    },
    "three accounts": {
        **CONSTANTS,
        **SOURCE,
        "TOOLCHAIN_TARGET": Target(account=PIPELINE_ACCOUNT, region="us-east-1"),
        "ENVIRONMENTS": {"staging": ABROAD, "production": REGIONS[0]},
        "WAVES": ((ABROAD,), REGIONS),
    },
}
PROGRAMS: dict[str, tuple[Callable[[], None], dict[str, str], tuple[Any, ...]]] = {
    "staging": (app.main, {"environment": "staging"}, ALWAYS),
    "production": (app.main, {"environment": "production"}, IN_PRODUCTION),
    "toolchain": (toolchain.main, {}, ALWAYS),
}
CASES = [(way, name) for way in WAYS for name in PROGRAMS]

type Synthesized = Mapping[tuple[str, str], tuple[Path, set[Nagged]]]


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Each program's assembly, one way and the other, and all that cdk-nag finds in it."""
    made = {}
    for way, name in CASES:
        main, arguments, packs = PROGRAMS[name]
        folder = tmp_path_factory.mktemp("filled") / name
        run = functools.partial(synthesize, main, arguments, values=WAYS[way])
        found = nag(run, folder, packs)
        made[way, name] = folder, found
    return made


@pytest.fixture(scope="module")
def templates_of_pipelines(synthesized: Synthesized) -> dict[str, Path]:
    """By a name of its own, each template of a pipeline and of what it deploys."""
    return {
        f"{way.split()[0]}.{path.name}": path
        for way in WAYS
        for path in synthesized[way, "toolchain"][0].rglob("*.template.json")
    }


@pytest.mark.parametrize(("way", "name"), CASES)
def test_the_cdk_warns_of_nothing(way: str, name: str, synthesized: Synthesized) -> None:
    folder, _ = synthesized[way, name]
    entries = [
        entry
        for path in folder.rglob("*.metadata.json")
        for entries in json.loads(path.read_text()).values()
        for entry in entries
    ]
    assert entries
    assert [e for e in entries if e["type"] in {"aws:cdk:warning", "aws:cdk:error"}] == []


def test_an_account_that_is_named_is_no_new_version_of_the_function(
    synthesized: Synthesized,
) -> None:
    """Lambda refuses one that has the code and the configuration of the last."""
    versions = {
        name
        for way in WAYS
        for path in synthesized[way, "production"][0].glob("*.template.json")
        for name, resource in json.loads(path.read_text())["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    }
    assert len(versions) == 1


@pytest.mark.parametrize(("way", "name"), CASES)
def test_cdk_nag_would_find_just_what_is_accepted(
    way: str, name: str, synthesized: Synthesized
) -> None:
    folder, found = synthesized[way, name]
    accepted = accepted_of_nag(folder, PROGRAMS[name][2])
    assert accepted
    compare("cdk-nag", set(map(whole, found)), set(map(whole, accepted)))


# What a team has filled in is scanned in each run: test_constants.py.
@pytest.mark.long
def test_checkov_would_find_just_what_is_accepted(
    templates_of_pipelines: dict[str, Path], tmp_path: Path
) -> None:
    for name, path in templates_of_pipelines.items():
        copy_unexcused(path, tmp_path / name)
    assert checkov(tmp_path).failed == {
        finding
        for name, path in templates_of_pipelines.items()
        for finding in accepted_of_checkov(path, name)
    }


@pytest.mark.long
def test_cfn_lint_finds_nothing(templates_of_pipelines: dict[str, Path]) -> None:
    # Two pipelines, and what each deploys; and what the second has in its other region.
    assert len(templates_of_pipelines) == 3 + 5
    assert cfn_lint(templates_of_pipelines.values()) == ""
