"""The workflow for those on GitHub runs the gate and nothing else, with the least permissions."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.judges import actionlint, zizmor
from tooling.install import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOW = FOLDER / "test.yml"
CHECKOUT = re.compile(r"actions/checkout@[0-9a-f]{40} # v\d+\.\d+\.\d+\n")

type Judge = Callable[[Path], list[str]]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy in which a text has become another."""

    def change(old: str, new: str) -> Path:
        content = WORKFLOW.read_text()
        assert content.count(old) == 1
        copy = tmp_path / ".github" / "workflows" / WORKFLOW.name
        copy.parent.mkdir(parents=True)
        copy.write_text(content.replace(old, new))
        return copy

    return change


def test_it_is_all_that_github_is_told() -> None:
    assert [path for path in FOLDER.parent.rglob("*") if path.is_file()] == [WORKFLOW]


def test_it_runs_the_gate_and_nothing_else() -> None:
    content = WORKFLOW.read_text()
    assert re.findall(r"\brun: (.*)", content) == ["./scripts/test"]
    assert re.findall(r"\buses: ", content) == ["uses: "]
    assert CHECKOUT.search(content)
    assert "\non: pull_request\n" in content


def test_it_may_read_the_repository_and_do_nothing_else() -> None:
    content = WORKFLOW.read_text()
    assert "\npermissions: {}\n" in content
    [(permissions, rest)] = re.findall(r"\n    permissions:\n(      .*)\n(.*)", content)
    assert permissions.split("#")[0].split() == ["contents:", "read"]
    assert rest == "    steps:"


@pytest.mark.parametrize("judge", [actionlint, zizmor])
def test_nothing_is_found(judge: Judge) -> None:
    assert judge(WORKFLOW) == []


@pytest.mark.parametrize(
    ("judge", "old", "new", "said"),
    [
        (actionlint, "timeout-minutes:", "timeout-minute:", 'unexpected key "timeout-minute"'),
        (actionlint, "ubuntu-24.04", "ubuntu-24.4", 'label "ubuntu-24.4" is unknown'),
        (actionlint, "github.ref }}", "github.branch }}", 'property "branch" is not defined'),
        (zizmor, "permissions: {}", "permissions: write-all", "excessive-permissions"),
        (zizmor, "on: pull_request", "on: pull_request_target", "dangerous-triggers"),
        (zizmor, "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        (zizmor, "run: ./", "run: echo ${{ github.event.pull_request.title }}; ./", "template-inj"),
    ],
)
def test_a_fault_is_found(
    judge: Judge, old: str, new: str, said: str, changed: Callable[[str, str], Path]
) -> None:
    assert said in "\n".join(judge(changed(old, new)))


def test_an_action_that_is_not_pinned_is_found(changed: Callable[[str, str], Path]) -> None:
    [pinned] = CHECKOUT.findall(WORKFLOW.read_text())
    assert "unpinned-uses" in "\n".join(zizmor(changed(pinned, "actions/checkout@v7\n")))
