"""The workflow for those on GitHub runs the gate and nothing else, with the least permissions."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.judges import actionlint, zizmor
from tooling import lock
from tooling.install import ROOT

GITHUB = ROOT / ".github"
WORKFLOW = GITHUB / "workflows" / "test.yml"
DEPENDABOT = GITHUB / "dependabot.yml"

type Judge = Callable[[Path], list[str]]


def test_they_are_all_that_github_is_told() -> None:
    assert {path for path in GITHUB.rglob("*") if path.is_file()} == {WORKFLOW, DEPENDABOT}


def test_it_runs_the_gate_and_may_only_read_the_repository() -> None:
    content = WORKFLOW.read_text()
    assert "\non: pull_request\npermissions: {}\n" in content
    assert re.findall(r"permissions:\n +(.*?) #.*\n    steps:", content) == ["contents: read"]
    assert re.findall(r"\brun: (.*)", content) == ["./scripts/test"]
    [action] = re.findall(r"\buses: (.*)", content)
    assert re.fullmatch(r"actions/checkout@[0-9a-f]{40} # v[\d.]+", action)


def test_dependabot_raises_every_lock() -> None:
    content = DEPENDABOT.read_text()
    for ecosystem, locked in (("uv", lock.PYTHON_FOLDERS), ("npm", lock.NODE_FOLDERS)):
        [folders] = re.findall(rf"ecosystem: {ecosystem}\n +directories: \[(.*)\]", content)
        assert folders.split(", ") == [f"/{folder.removeprefix('.')}" for folder in locked]


@pytest.mark.parametrize(
    ("judge", "file"), [(actionlint, WORKFLOW), (zizmor, WORKFLOW), (zizmor, DEPENDABOT)]
)
def test_nothing_is_found(judge: Judge, file: Path) -> None:
    assert judge(file) == []


@pytest.mark.parametrize(
    ("judge", "file", "old", "new", "said"),
    [
        (actionlint, WORKFLOW, "ubuntu-24.04", "ubuntu-24.4", 'label "ubuntu-24.4" is unknown'),
        (zizmor, WORKFLOW, "on: pull_request", "on: pull_request_target", "dangerous-triggers"),
        (zizmor, DEPENDABOT, "default-days: 7", "default-days: 1", "dependabot-cooldown"),
    ],
)
def test_a_fault_is_found(
    judge: Judge, file: Path, old: str, new: str, said: str, tmp_path: Path
) -> None:
    copy = tmp_path / file.relative_to(ROOT)
    copy.parent.mkdir(parents=True)
    copy.write_text(file.read_text().replace(old, new))
    assert said in "\n".join(judge(copy))
