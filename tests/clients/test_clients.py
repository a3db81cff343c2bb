"""Clients made by four generators compile, and redocly finds nothing in the document.

Each generator is run as docs/clients.md says. Its client is compiled with a program that uses it.
"""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests import npm
from tooling.install import ROOT, tool_environment

HERE: Final = Path(__file__).parent
# What the page runs, as requirement and arguments.
COMMANDS: Final = [
    shlex.split(line)
    for line in re.findall(
        r"^(?:npx|uvx --from) (.+)$", (ROOT / "docs" / "clients.md").read_text(), re.MULTILINE
    )
]
TSC: Final = ("tsc", "--project", "tsconfig.json")
# For each package, the program that uses its client, and what compiles the two.
GENERATORS: Final = {
    "openapi-typescript": ("openapi_typescript.ts", TSC),
    # Its own modules don't compile with this option, whatever the document says.
    "@hey-api/openapi-ts": ("hey_api.ts", (*TSC, "--exactOptionalPropertyTypes", "false")),
    "orval": ("orval.ts", TSC),
    "openapi-python-client": (
        "openapi_python_client.py",
        ("mypy", "--config-file", "mypy.ini", "openapi_python_client.py"),
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the packages and the document."""
    (tmp_path / "node_modules").symlink_to(npm.install(HERE) / "node_modules")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


def run(folder: Path, program: str, *arguments: str) -> None:
    variables = tool_environment() | {
        "REDOCLY_TELEMETRY": "off",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    }
    variables["PATH"] = f"{folder / 'node_modules' / '.bin'}:{variables['PATH']}"
    done = subprocess.run(
        [program, *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        cwd=folder,
        env=variables,
    )
    assert done.returncode == 0, done.stdout


def test_the_page_names_the_versions_that_are_tested() -> None:
    packages = json.loads((HERE / "package.json").read_text())["devDependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    known = {f"{name}@{versions}" for name, versions in packages.items()}
    known |= {line for line in project["dependency-groups"]["dev"] if isinstance(line, str)}
    assert {requirement for requirement, *_ in COMMANDS} <= known
    assert len(COMMANDS) == len(GENERATORS)


@pytest.mark.parametrize("package", GENERATORS)
def test_a_generated_client_compiles_with_a_program_that_uses_it(
    package: str, folder: Path
) -> None:
    consumer, compiler = GENERATORS[package]
    for name in (consumer, "tsconfig.json", "mypy.ini"):
        shutil.copy(HERE / name, folder)
    program = package.rpartition("/")[2]
    [command] = [arguments for name, *arguments in COMMANDS if name.startswith(package)]
    run(folder, program, *(argument for argument in command if argument != program))
    run(folder, *compiler)


def test_redocly_finds_nothing(folder: Path) -> None:
    shutil.copy(HERE / "redocly-ignore.yaml", folder / ".redocly.lint-ignore.yaml")
    run(folder, "redocly", "lint", "--extends", "recommended-strict", "docs/openapi.json")
