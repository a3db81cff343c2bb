import importlib.metadata
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.api.bundling import PYTHON_VERSION
from localcloud.install import NODE_FOLDER, PYTHON, ROOT

type CDK = Callable[..., subprocess.CompletedProcess[str]]

NODE_FOLDERS = [".", "tests/browser", "tests/openapi"]

EXACT = re.compile(r"\d+\.\d+\.\d+")


@pytest.fixture(scope="module")
def package() -> dict[str, Any]:
    return _json("package.json")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def cdk_cli(environ: dict[str, str]) -> CDK:
    """Runs the CLI in the checkout; takes its arguments."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        cli = [str(NODE_FOLDER / "node"), str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk")]
        return subprocess.run(
            [*cli, *arguments, "--no-notices", "--no-color"],
            check=False,
            capture_output=True,
            text=True,
            env=environ,
            cwd=ROOT,
        )

    return run


@pytest.mark.parametrize("file", ["requirements.txt", "backend/api/runtime/requirements.txt"])
def test_the_requirements_are_what_uv_lock_says(file: str, environ: dict[str, str]) -> None:
    lines = (ROOT / file).read_text().splitlines()
    command = shlex.split(lines[1].removeprefix("#"))
    assert command[0] == "uv"
    assert command[-2:] == ["--output-file", file]
    done = subprocess.run(
        [str(PYTHON.with_name("uv")), *command[1:-2], "--no-header"],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
        cwd=ROOT,
    )
    assert done.stdout.splitlines() == lines[2:], done.stderr


def test_uv_lock_is_what_pyproject_says(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [str(PYTHON.with_name("uv")), "lock", "--check"],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def test_what_ships_and_what_builds_it_is_pinned(project: dict[str, Any]) -> None:
    groups = project["dependency-groups"]
    requirements = [
        requirement
        for name in ("runtime", "infrastructure", "dev", "emulator", "scanners")
        for requirement in groups[name]
        if isinstance(requirement, str)  # else it includes another group
    ]
    assert requirements
    for requirement in requirements:
        assert re.fullmatch(r"[\w.-]+(\[\w+\])?==[\d.]+", requirement)


@pytest.mark.parametrize("folder", NODE_FOLDERS)
def test_every_pin_of_npm_is_exact(folder: str) -> None:
    package = _json(f"{folder}/package.json")
    assert "dependencies" not in package
    for version in _named(package).values():
        assert EXACT.fullmatch(version)
    for overrides in package.get("overrides", {}).values():
        for version in overrides.values():
            assert EXACT.fullmatch(version.removeprefix("npm:empty-npm-package@"))


@pytest.mark.parametrize("folder", NODE_FOLDERS)
def test_npms_lock_is_what_package_json_says(folder: str) -> None:
    package = _json(f"{folder}/package.json")
    locked = _json(f"{folder}/package-lock.json")["packages"]
    assert _named(locked[""]) == _named(package)
    for name, version in _named(package).items():
        assert locked[f"node_modules/{name}"]["version"] == version
    for path, entry in locked.items():
        assert path == "" or entry["integrity"].startswith("sha512-")


def test_the_tools_are_installed_as_pinned(
    package: dict[str, Any], project: dict[str, Any], cdk_cli: CDK
) -> None:
    pinned = package["devDependencies"]["aws-cdk"]
    assert cdk_cli("--version").stdout.split()[0] == pinned
    for requirement in project["dependency-groups"]["infrastructure"]:
        name, version = requirement.split("==")
        assert importlib.metadata.version(name) == version


def test_the_cli_reads_what_the_library_writes(
    assemblies: Mapping[str, Path], cdk_cli: CDK
) -> None:
    done = cdk_cli("ls", "--app", str(assemblies["production"]))
    assert (done.returncode, done.stdout.split()) == (0, ["UserManagementBackend-Production"])


def test_the_cli_synthesizes_with_no_credentials_and_no_network(
    cdk_cli: CDK, tmp_path: Path
) -> None:
    done = cdk_cli("synth", "--quiet", "--output", str(tmp_path / "assembly"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "assembly" / "UserManagementBackend-Sandbox.template.json").exists()


def test_one_python_everywhere(project: dict[str, Any]) -> None:
    version = "{}.{}".format(*PYTHON_VERSION)
    assert project["project"]["requires-python"] == f"=={version}.*"
    assert (ROOT / ".python-version").read_text().strip() == version
    assert f"/{NODE_FOLDER.relative_to(ROOT)}:" in (ROOT / "scripts/cdk").read_text()


def _named(package: dict[str, Any]) -> dict[str, str]:
    """What is optional is there for some machines only."""
    return {**package["devDependencies"], **package.get("optionalDependencies", {})}


def _json(file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / file).read_text())
    return content
