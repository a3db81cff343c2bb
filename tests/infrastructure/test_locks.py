import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from backend.functions.platform import PYTHON_VERSION
from tests.infrastructure.records import PRODUCTION
from tooling import lock
from tooling.install import NODE_FOLDER, ROOT

type CDK = Callable[..., subprocess.CompletedProcess[str]]


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


def test_everything_locked_comes_from_a_registry_with_its_hash() -> None:
    packages = [
        package
        for folder in lock.PYTHON_FOLDERS
        for package in tomllib.loads((ROOT / folder / "uv.lock").read_text())["package"]
    ]
    for package in packages:
        if package["source"] == {"virtual": "."}:  # this project
            continue
        assert package["source"].keys() == {"registry"}
        assert package["wheels"], "nothing is built: what builds a package is in no lock"
        for file in package["wheels"]:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"])
    for folder in lock.NODE_FOLDERS:
        locked = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
        for path, entry in locked.items():
            assert path == "" or entry["integrity"].startswith("sha512-")


def test_the_cli_reads_what_the_library_writes(
    assemblies: Mapping[str, Path], cdk_cli: CDK
) -> None:
    done = cdk_cli("ls", "--app", str(assemblies["production"]))
    assert (done.returncode, done.stdout.split()) == (0, [PRODUCTION.stack_name])


def test_the_cli_synthesizes_with_no_credentials_and_no_network(
    cdk_cli: CDK, tmp_path: Path
) -> None:
    done = cdk_cli("synth", "--quiet", "--output", str(tmp_path / "assembly"))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "assembly").glob("*.template.json"))


def test_one_python_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    version = "{}.{}".format(*PYTHON_VERSION)
    assert project["project"]["requires-python"] == f"=={version}.*"
    assert (ROOT / ".python-version").read_text().strip() == version
