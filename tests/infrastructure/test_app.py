import functools
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import app
import constants
from tests.infrastructure.records import APP_NAME
from tests.infrastructure.synthesis import synthesize
from tooling.install import PYTHON, ROOT

# Prints what is read or changed below the folder that the argument names, and what is started,
# while the modules are imported. Modules are read, and installed packages read their own.
WATCHED_IMPORT = """
import os, sys
root = os.path.realpath(sys.argv[1])
own, modules = os.path.join(root, ".venv"), (".py", ".pyc")
def watch(event, arguments):
    if event not in {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "subprocess.Popen"}:
        return
    if event == "subprocess.Popen":
        if not str(arguments[0]).endswith("node"):
            print(event, arguments[1])
    elif isinstance(arguments[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(root) and not path.startswith(own) and not path.endswith(modules):
            print(event, path)
sys.path.insert(0, root)
sys.addaudithook(watch)
for name in os.listdir(root):
    if name.endswith(".py"):
        __import__(name.removesuffix(".py"))
"""


@pytest.mark.parametrize(
    ("name", "stack"),
    [
        ("local", f"{APP_NAME}-Local"),
        ("sandbox", f"{APP_NAME}-Sandbox"),
        ("staging", f"{APP_NAME}-Staging"),
        ("production", f"{APP_NAME}-Production"),
        ("developer", f"{APP_NAME}-Sandbox-Jane-1"),
    ],
)
def test_each_environment_is_one_stack_of_its_name(
    name: str, stack: str, assemblies: Mapping[str, Path]
) -> None:
    assert _stacks(assemblies[name]) == [stack]


def test_nothing_changed_is_nothing_to_deploy(
    assemblies: Mapping[str, Path], tmp_path: Path
) -> None:
    # Not even a new version of the function: its logical id is in the template.
    synthesize(app.main, {"environment": "production"}, tmp_path / "again")
    before = assemblies["production"]
    for path in before.rglob("*"):
        # Metadata isn't deployed, and has the stack trace of a warning, with temporary folders.
        if path.is_file() and not path.match("*.metadata.json"):
            again = tmp_path / "again" / path.relative_to(before)
            assert again.read_bytes() == path.read_bytes()


def test_an_unknown_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> None:
    _set_context(monkeypatch, {**context, "environment": "moon"})
    with pytest.raises(SystemExit) as refusal:
        app.main()
    assert refusal.value.code == (
        "There is no environment 'moon'; -c environment= takes one of "
        f"{', '.join(constants.ENVIRONMENTS)}."
    )


@pytest.mark.parametrize("name", ["", " ", "a b", "jane/", "jane_doe", "jäne", "jane\n", "j" * 41])
def test_a_developer_whose_name_no_stack_can_have_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> None:
    _set_context(monkeypatch, {**context, "developer": name})
    with pytest.raises(SystemExit) as refusal:
        app.main()
    assert refusal.value.code == (
        f"-c developer={name!r} can't be part of a stack's name: "
        "use 1 to 40 letters, digits and hyphens."
    )


def test_importing_does_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [str(PYTHON), "-I", "-B", "-c", WATCHED_IMPORT, str(ROOT)],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["constants", "operations.restore"])
def test_a_record_is_read_without_the_cdk(module: str, environ: dict[str, str]) -> None:
    """It takes a second and more to import, and starts Node."""
    code = f"import sys, {module}; sys.exit('aws_cdk' in sys.modules or 'jsii' in sys.modules)"
    subprocess.run([str(PYTHON), "-c", code], check=True, env=environ, cwd=ROOT)


def _set_context(monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]) -> None:
    # The CLI passes its context by the environment, which Node reads when it starts.
    monkeypatch.setattr(cdk, "App", functools.partial(cdk.App, context=context))


def _stacks(assembly: Path) -> list[str]:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    return [
        name
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
