import importlib.metadata
import json
import re
import shlex
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.functions.bundling import PYTHON_VERSION
from supplychain.settings import NODE_FOLDERS
from tests import npm
from tooling import install
from tooling.install import LOCAL, NODE_FOLDER, PYTHON, ROOT
from tooling.progress import Failure

type CDK = Callable[..., subprocess.CompletedProcess[str]]

PACKAGES = Path("lib", "python3.13", "site-packages")
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
        for entries in groups.values()
        for requirement in entries
        if isinstance(requirement, str)  # else it includes another group
    ]
    assert requirements
    for requirement in requirements:
        assert re.fullmatch(r"[\w.-]+(\[[\w-]+\])?==[\d.]+", requirement)


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


def test_everything_locked_has_its_hash() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    assert len(packages) > 100
    for package in packages:
        if "virtual" not in package["source"]:  # else it is this project
            assert package["source"].keys() == {"registry"}
            files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
            assert files
            for file in files:
                assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"])
    for name in ("requirements.txt", "backend/api/runtime/requirements.txt"):
        requirements = re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
        for requirement in requirements.replace("\\\n", "").splitlines():
            assert re.fullmatch(r"\S+==\S+( +--hash=sha256:[0-9a-f]{64})+ *", requirement)


def test_a_python_package_with_another_hash_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = _checkout(tmp_path, monkeypatch)
    assert (install.install_group("runtime") / PACKAGES / "six.py").exists()
    lock = checkout / "uv.lock"
    before, start, rest = lock.read_text().partition('\nname = "six"\n')
    block, end, rest = rest.partition("\n[[package]]")
    lock.write_text(before + start + _with_other_hashes(block, "sha256:[0-9a-f]") + end + rest)
    shutil.rmtree(checkout / ".local" / "runtime")
    with pytest.raises(Failure) as raised:
        install.install_group("runtime")
    assert "Hash mismatch for `six==" in raised.value.output
    assert not (checkout / ".local" / "runtime" / "installed").exists()


def test_a_python_package_without_a_wheel_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would build it is in no lock."""
    checkout = _checkout(tmp_path, monkeypatch)
    lock = checkout / "uv.lock"
    before, start, rest = lock.read_text().partition('\nname = "six"\n')
    block, end, rest = rest.partition("\nwheels = ")
    assert "sdist" in block
    _, end, rest = rest.partition("\n[[package]]")
    lock.write_text(before + start + block + end + rest)
    with pytest.raises(Failure) as raised:
        install.install_group("runtime")
    said = " ".join(raised.value.output.split())
    assert "`--no-build` but has no binary distribution" in said


def test_a_node_package_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    source = ROOT / "tests" / "workflow"
    npm.install(source)  # into the cache
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, tmp_path)
    install.npm_ci(tmp_path)
    lock = tmp_path / "package-lock.json"
    lock.write_text(_with_other_hashes(lock.read_text(), "sha512-[A-Za-z0-9]"))
    with pytest.raises(Failure) as raised:
        install.npm_ci(tmp_path)
    assert "EINTEGRITY" in raised.value.output


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


def test_cdk_assets_reads_what_the_library_writes(
    assemblies: Mapping[str, Path], environ: dict[str, str]
) -> None:
    """With which the pipeline publishes: of another release than the CLI, and sometimes behind."""
    program = ROOT / "node_modules" / "cdk-assets" / "bin" / "cdk-assets"
    manifests = [path for f in assemblies.values() for path in f.rglob("*.assets.json")]
    assert manifests
    for manifest in manifests:
        done = subprocess.run(
            [str(NODE_FOLDER / "node"), str(program), "--path", str(manifest), "ls"],
            check=False,
            capture_output=True,
            text=True,
            env=environ,
        )
        assert done.returncode == 0, done.stderr
        for digest in json.loads(manifest.read_text())["files"]:
            assert digest in done.stdout


def test_the_cli_knows_the_librarys_assemblies(
    assemblies: Mapping[str, Path], package: dict[str, Any]
) -> None:
    """What the CLI would only find out when it meets an assembly with something new in it."""
    pinned = package["devDependencies"]["aws-cdk"]
    bundle = (ROOT / "node_modules" / "aws-cdk" / "lib" / "index.js").read_text()
    [known] = re.findall(
        r"cloud-assembly-schema/schema/version.json\"\(.*?revision: (\d+)", bundle, re.DOTALL
    )
    for folder in assemblies.values():
        manifest = json.loads((folder / "manifest.json").read_text())
        assert _numbers(manifest["version"])[0] <= int(known)
        assert _numbers(manifest["minimumCliVersion"]) <= _numbers(pinned)
    # The library's own word for the first CLI that reads what it may write.
    schema = importlib.metadata.version("aws-cdk-cloud-assembly-schema")
    module = f"aws_cdk/cloud_assembly_schema/_jsii/cloud-assembly-schema@{schema}.jsii.tgz"
    with tarfile.open(PYTHON.parents[1] / PACKAGES / module) as archive:
        member = archive.extractfile("package/cli-version.json")
        assert member
        assert _numbers(json.load(member)["version"]) <= _numbers(pinned)


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


def _checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what uv reads, which install.py takes for the checkout."""
    (checkout := tmp_path / "checkout").mkdir()
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, checkout)
    (local := checkout / ".local").mkdir()
    (local / "cache").symlink_to(LOCAL / "cache")
    monkeypatch.setattr(install, "ROOT", checkout)
    monkeypatch.setattr(install, "LOCAL", local)
    return checkout


def _with_other_hashes(text: str, start: str) -> str:
    """Each hash with another first digit than it has."""
    return re.sub(start, lambda match: match[0][:-1] + ("0" if match[0][-1] != "0" else "1"), text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _named(package: dict[str, Any]) -> dict[str, str]:
    """What is optional is there for some machines only."""
    return {**package["devDependencies"], **package.get("optionalDependencies", {})}


def _json(file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / file).read_text())
    return content
