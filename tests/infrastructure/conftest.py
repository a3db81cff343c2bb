"""The templates of each environment, synthesized once, offline."""

import fcntl
import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tooling.environment import TOOL_SETTINGS
from tooling.install import LOCAL, NODE_FOLDER, ROOT

# The CDK starts Node when it is imported: the checkout's, whatever else is on the PATH.
os.environ["JSII_NODE"] = str(NODE_FOLDER / "node")

import aws_cdk as cdk
from aws_cdk.assertions import Template

import app
import constants
import toolchain

# What is synthesized: by name, the program and its arguments of -c.
PROGRAMS: dict[str, tuple[Callable[[], None], dict[str, str]]] = {
    **{name: (app.main, {"environment": name}) for name in constants.ENVIRONMENTS},
    "sandbox": (app.main, {}),  # the default
    "developer": (app.main, {"developer": "Jane-1"}),
    "toolchain": (toolchain.main, {}),
}


@pytest.fixture(scope="session")
def environ() -> dict[str, str]:
    """Return variables for processes: without credentials or network, with the checkout's Node."""
    home = LOCAL / "home"  # the sandbox's too
    home.mkdir(exist_ok=True)
    return {
        "PATH": f"{NODE_FOLDER}{os.pathsep}{os.defpath}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "UV_CACHE_DIR": str(LOCAL / "cache" / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **TOOL_SETTINGS,
    }


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """Return the context that the CDK CLI gives every app."""
    flags: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {
        **flags,
        "aws:cdk:enable-path-metadata": True,
        "aws:cdk:enable-asset-metadata": True,
    }


type Synthesize = Callable[[Callable[[], None], dict[str, str], Path], None]


@pytest.fixture(scope="session")
def synthesize(environ: dict[str, str], context: dict[str, Any]) -> Synthesize:
    """Return what runs an app with the arguments of -c and synthesizes into a folder.

    A finding of the CDK's own validation is an error, which fails every test that needs the app.
    """

    def run(main: Callable[[], None], arguments: dict[str, str], folder: Path) -> None:
        told = functools.partial(cdk.App, context={**context, **arguments}, outdir=str(folder))
        with pytest.MonkeyPatch.context() as patch:
            for variable in ("HOME", "UV_CACHE_DIR", "UV_NO_CONFIG", "UV_OFFLINE"):
                patch.setenv(variable, environ[variable])
            patch.setattr(cdk, "App", told)
            main()

    return run


@pytest.fixture(scope="session")
def assemblies(
    synthesize: Synthesize, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
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
                synthesize(main, arguments, folder / name)
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


@pytest.fixture(params=["local", "sandbox", "staging", "production"])
def template(request: pytest.FixtureRequest, templates: Mapping[str, Template]) -> Template:
    """Return the template of each environment in turn."""
    return templates[request.param]


def _only(folder: Path, pattern: str) -> str:
    [path] = folder.glob(pattern)
    return path.read_text()
