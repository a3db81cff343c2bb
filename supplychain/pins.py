"""The exact versions in pyproject.toml and each package.json: what they are, and the newest."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Final, NamedTuple

from supplychain.settings import NODE_FOLDERS, project
from tooling.install import PYTHON, installer_environment
from tooling.progress import Failure

_REQUIREMENT: Final = re.compile(r"(?P<name>[\w.-]+)(?P<extras>\[.*\])?==(?P<version>[\w.]+)")


class Pin(NamedTuple):
    """A package's exact version, and where it is named.

    where: a group of pyproject.toml, or a folder with a package.json.
    """

    where: str
    name: str
    version: str


def read(root: Path) -> list[Pin]:
    """Every pin of a checkout. Raises Failure when a version is not exact."""
    pins = []
    for group, entries in project(root)["dependency-groups"].items():
        for entry in entries:
            if isinstance(entry, str):
                if not (found := _REQUIREMENT.fullmatch(entry)):
                    raise Failure(f"pyproject.toml has {entry}, which is no exact version.")
                name = found["name"] + (found["extras"] or "")
                pins.append(Pin(group, name, found["version"]))
    for folder in NODE_FOLDERS:
        package = _package(root / folder)
        for kind in _kinds(package):
            pins += [Pin(folder, name, version) for name, version in package[kind].items()]
    return pins


def raise_all(root: Path, within_major: Set[str]) -> None:
    """In a copy of the files that pin: resolve anew, and pin what that gives, no pin lowered.

    within_major: names of packages that keep their major version.
    Needs the network. Raises Failure.
    """
    old = read(root)
    _raise_python(root, [pin for pin in old if pin.where not in NODE_FOLDERS], within_major)
    for folder in NODE_FOLDERS:
        _raise_node(root / folder, within_major)


def _raise_python(root: Path, pins: list[Pin], within_major: Set[str]) -> None:
    by_group: dict[str, list[Pin]] = {}
    for pin in pins:
        by_group.setdefault(pin.where, []).append(pin)
    for group, members in by_group.items():
        ranges = [f"{pin.name}{_python_range(pin, within_major)}" for pin in members]
        uv(root, "add", "--frozen", "--group", group, *ranges)
    # All groups together, as they are locked: what one of them holds back, no other passes.
    (root / "uv.lock").unlink(missing_ok=True)
    uv(root, "lock")
    for group, members in by_group.items():
        options = ["--frozen", "--no-hashes", "--no-annotate", "--no-header", "--only-group", group]
        lines = uv(root, "export", *options).splitlines()
        versions = dict(line.split(" ;")[0].split("==") for line in lines if "==" in line)
        exact = [f"{pin.name}=={versions[pin.name.split('[')[0]]}" for pin in members]
        uv(root, "add", "--frozen", "--group", group, *exact)
    uv(root, "lock")


def _python_range(pin: Pin, within_major: Set[str]) -> str:
    major = int(pin.version.split(".")[0])
    return f">={pin.version}" + (f",<{major + 1}" if pin.name in within_major else "")


def _raise_node(folder: Path, within_major: Set[str]) -> None:
    package = _package(folder)
    for kind in _kinds(package):
        for name, version in package[kind].items():
            package[kind][name] = f"{'^' if name in within_major else '>='}{version}"
    lock = folder / "package-lock.json"
    lock.unlink(missing_ok=True)
    _write(folder, package)
    npm(folder)
    locked = json.loads(lock.read_text())["packages"]
    for kind in _kinds(package):
        for name in package[kind]:
            package[kind][name] = locked[f"node_modules/{name}"]["version"]
    _write(folder, package)
    npm(folder)


def _package(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "package.json").read_text())
    return content


def _kinds(package: Mapping[str, Any]) -> list[str]:
    return [kind for kind in ("devDependencies", "optionalDependencies") if kind in package]


def _write(folder: Path, package: Mapping[str, Any]) -> None:
    text = json.dumps(package, indent=2, ensure_ascii=False) + "\n"
    (folder / "package.json").write_text(text)


def uv(root: Path, *arguments: str) -> str:
    """Run the checkout's uv on a folder; return what it prints. Raises Failure."""
    return _run([str(PYTHON.with_name("uv")), *arguments], root)


def npm(folder: Path) -> None:
    """Have npm lock what a folder's package.json names. Raises Failure."""
    command = [str(PYTHON.with_name("npm")), "install", "--package-lock-only", "--ignore-scripts"]
    options = ["--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    _run([*command, *options, "--prefix", str(folder)], folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**installer_environment(), "UV_PYTHON": str(PYTHON)},
        cwd=folder,
    )
    if done.returncode:
        raise Failure(
            f"{Path(command[0]).name} {command[1]} failed; see above. If this machine is offline,"
            " connect it; if no versions fit together, keep one to its major in pyproject.toml.",
            done.stdout + done.stderr,
        )
    return done.stdout


def copy(source: Path, target: Path) -> None:
    """What pins, and what is locked."""
    names = ("pyproject.toml", "uv.lock", *(f"{f}/package.json" for f in NODE_FOLDERS))
    for name in (*names, *(f"{f}/package-lock.json" for f in NODE_FOLDERS)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
