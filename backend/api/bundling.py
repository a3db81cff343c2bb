"""Builds the Lambda function's asset: locked wheels for its platform, its code, valid bytecode.

No Docker: uv picks the wheels. Dependencies are built once for each lock and platform and then
linked, so that a change of the code costs a second.
"""

import hashlib
import os
import platform as host
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from uv import find_uv_bin

PYTHON_VERSION: Final = (3, 13)

RUNTIME: Final = Path(__file__).parent / "runtime"

_DEPLOYED_TO = "/var/task"
_CACHE: Final = Path(__file__).parents[2] / ".local" / "assets"

# Of botocore's 440 services the function calls one; the others are nine tenths of its size.
_SDK_DATA: Final = Path("botocore", "data")
_SDK_SERVICES: Final = frozenset({"dynamodb"})


@dataclass(frozen=True)
class Platform:
    """What a function runs on.

    architecture: Lambda's name for it, arm64 or x86_64.
    wheels: uv's name for it (`--python-platform`); None for the machine that builds.
    """

    architecture: str
    wheels: str | None


# Lambda's Python 3.13 runs on Amazon Linux 2023, whose glibc is 2.34.
LAMBDA_ARM64: Final = Platform("arm64", "aarch64-manylinux_2_28")
HOST: Final = Platform(
    "arm64" if host.machine() in {"arm64", "aarch64"} else "x86_64",
    None,
)


def build(source: Path, platform: Platform, *, cache: Path = _CACHE) -> Path:
    """The folder to deploy for the code in `source`, which holds a requirements.txt with hashes.

    Raises RuntimeError when a wheel can't be had, or when the dependencies aren't what the
    build expects.
    """
    if sys.version_info[:2] != PYTHON_VERSION:
        raise RuntimeError(
            f"The function runs on Python {PYTHON_VERSION}, whose bytecode only the same version "
            f"makes; this is {sys.version_info[:2]}. Use .venv/bin/python."
        )
    dependencies = fetch_dependencies(source, platform, cache=cache)
    code = [
        path
        for path in sorted(source.rglob("*.py"))
        if "__pycache__" not in path.relative_to(source).parts
    ]
    digest = _digest(dependencies.name.encode(), *_named_contents(source, code))

    def fill(folder: Path) -> None:
        shutil.copytree(dependencies, folder, copy_function=os.link, dirs_exist_ok=True)
        copies = [folder / path.relative_to(source) for path in code]
        for path, copy in zip(code, copies, strict=True):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        _compile(copies, folder)

    return _once(cache / f"function-{digest}", fill)


def fetch_dependencies(source: Path, platform: Platform, *, cache: Path = _CACHE) -> Path:
    """The folder with the compiled dependencies; needs the network the first time only."""
    requirements = source / "requirements.txt"
    wheels = platform.wheels or host.platform()
    digest = _digest(requirements.read_bytes(), wheels.encode(), Path(__file__).read_bytes())

    def fill(folder: Path) -> None:
        _install(requirements, platform, folder)
        _prune(folder)
        _compile([folder], folder)

    return _once(cache / f"dependencies-{digest}", fill)


def _install(requirements: Path, platform: Platform, folder: Path) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]
    # What is pruned here must stay in uv's cache.
    command += ["--link-mode", "copy", "--python", sys.executable]
    if platform.wheels:
        command += ["--python-platform", platform.wheels]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"uv could not fetch the function's dependencies:\n{done.stderr}")


def _prune(folder: Path) -> None:
    services = [path for path in (folder / _SDK_DATA).iterdir() if path.is_dir()]
    if not {path.name for path in services} >= _SDK_SERVICES:
        raise RuntimeError(f"{_SDK_DATA} is not what this build expects; see {__file__}.")
    for service in services:
        if service.name not in _SDK_SERVICES:
            shutil.rmtree(service)
    # Of the time zones only the names are asked for.
    shutil.rmtree(folder / "tzdata" / "zoneinfo")
    # Scripts and what the installer wrote about itself: not imported, and not reproducible.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"):
        for path in folder.glob(f"*.dist-info/{name}"):
            path.unlink()


def _compile(paths: list[Path], folder: Path) -> None:
    # Lambda's file system is read-only, and the deployment resets the times of files: bytecode
    # that is checked against them would be stale, and compiled again at every cold start.
    # A process of its own, because what a process has imported shows in the bytecode it writes.
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-s", str(folder)]
    command += ["-p", _DEPLOYED_TO, "--invalidation-mode", "unchecked-hash", *map(str, paths)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"The function could not be compiled:\n{done.stdout}{done.stderr}")


def _once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """`folder`, filled unless it is there; it appears whole or not at all."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as building:
        made = Path(building) / "asset"
        made.mkdir()
        fill(made)
        # Lambda runs the function as another user, and the builder's umask must not keep it out.
        for path in (made, *made.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # else somebody else made the same
                raise
    return folder


def _named_contents(root: Path, paths: list[Path]) -> list[bytes]:
    return [
        part for path in paths for part in (str(path.relative_to(root)).encode(), path.read_bytes())
    ]


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:16]
