"""The templates of the tests' own environments, synthesized once, offline."""

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tooling.install import NODE_FOLDER

# The CDK starts Node when it is imported: the checkout's, whatever else is on the PATH.
os.environ["JSII_NODE"] = str(NODE_FOLDER / "node")

from aws_cdk.assertions import Template

import app
import toolchain
from tests.infrastructure import records, synthesis

# What is synthesized: by name, the program and its arguments of -c.
PROGRAMS: dict[str, tuple[Callable[[], None], dict[str, str]]] = {
    **{name: (app.main, {"environment": name}) for name in records.ENVIRONMENTS},
    "sandbox": (app.main, {}),  # the default
    "developer": (app.main, {"developer": "Jane-1"}),
    "toolchain": (toolchain.main, {}),
}


@pytest.fixture(scope="session")
def environ() -> dict[str, str]:
    """Return variables for processes: without credentials or network, with the checkout's Node."""
    return synthesis.variables()


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """Return the context that the CDK CLI gives every app."""
    return synthesis.cli_context()


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return the folder of each program's cloud assembly."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the run's: the first worker that needs them makes them for all
    folder /= "assemblies"
    folder.mkdir(exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            for name, (main, arguments) in PROGRAMS.items():
                synthesis.synthesize(main, arguments, folder / name)
            done.touch()
    return {name: folder / name for name in PROGRAMS}


@pytest.fixture(scope="session")
def templates(assemblies: Mapping[str, Path]) -> Mapping[str, Template]:
    """Return the template of each environment and of a developer."""
    return {
        name: Template.from_json(json.loads(_only(assemblies[name], "*.template.json")))
        for name, (main, _) in PROGRAMS.items()
        if main is app.main
    }


@pytest.fixture(params=records.ENVIRONMENTS)
def template(request: pytest.FixtureRequest, templates: Mapping[str, Template]) -> Template:
    """Return the template of each environment in turn."""
    return templates[request.param]


def _only(folder: Path, pattern: str) -> str:
    [path] = folder.glob(pattern)
    return path.read_text()
