"""Builds the Lambda functions' assets: locked wheels for the platform, code, valid bytecode.

No Docker: uv picks the wheels. An asset is the very archive that Lambda gets. The dependencies are
archived once for each lock and platform; a change of the code adds to a copy of that, and costs a
tenth of a second.
"""

import gzip
import hashlib
import platform as host
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from backend.api import deferral, pruning

PYTHON_VERSION: Final = (3, 13)

_ROOT: Final = Path(__file__).parents[2]
RUNTIME: Final = Path(__file__).parent / "runtime"

# Modules that Python can import, DynamoDB's certificate authorities, and pages. All else was left
# by tools, by editors or for people.
_SHIPPED: Final = re.compile(r"(\w+/)*(\w+\.py|authorities\.pem|pages/[\w-]+\.(css|html|js))")

# What the function serves beside the pages of its own (runtime/pages.py).
_PAGES: Final = Path("pages")
_DOCUMENT: Final = _ROOT / "docs" / "openapi.json"
_RENDERER: Final = _ROOT / "node_modules" / "swagger-ui-dist"
_RENDERER_FILES: Final = (
    "LICENSE",
    "NOTICE",
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.css",
)
# Compressed once, here: a browser takes them so, and an answer may hold 6 MB in base64.
_COMPRESSED: Final = frozenset({"openapi.json", "swagger-ui-bundle.js", "swagger-ui.css"})

_DEPLOYED_TO = "/var/task"
_CACHE: Final = _ROOT / ".local" / "assets"
# So that a day of edits doesn't fill the disk: each is as large as the dependencies.
_KEPT: Final = 8

_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
# Lambda runs the function as another user, and the builder's umask must not keep it out.
_READABLE: Final = (stat.S_IFREG | 0o644) << 16


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


@dataclass(frozen=True)
class Asset:
    """The archive to deploy."""

    path: Path

    @property
    def digest(self) -> str:
        """Changes when a file's name or content does, and only then.

        With another digest the CDK makes a new version, which Lambda refuses if its code is the
        same. Of what is compressed it is the digest before, which is the same on all machines.
        """
        with zipfile.ZipFile(self.path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        return _digest(
            {n: gzip.decompress(c) if n.endswith(".gz") else c for n, c in content.items()}
        )


def build(source: Path, platform: Platform, *, cache: Path = _CACHE) -> Asset:
    """What to deploy for the code in `source`, which holds a requirements.txt with hashes.

    Raises RuntimeError when a wheel can't be had, when the dependencies aren't what the build
    expects, when something to serve is missing, or when the code can't be compiled.
    """
    if sys.version_info[:2] != PYTHON_VERSION:
        raise RuntimeError(
            f"The function needs bytecode of Python {PYTHON_VERSION}; this is "
            f"{sys.version_info[:2]}. Use .venv/bin/python."
        )
    dependencies = fetch_dependencies(source, platform, cache=cache)
    code = _read_shipped(source)
    code[str(_PAGES / _DOCUMENT.name)] = _read(_DOCUMENT, "./scripts/openapi writes it")
    key = _digest({**code, "dependencies": dependencies.name.encode()})

    def make(folder: Path) -> Path:
        copies = _write(code, folder / "code")
        _compile(copies)
        _compress(copies / _PAGES)
        archive = folder / "function.zip"
        shutil.copyfile(dependencies, archive)
        _archive(copies, archive)
        return archive

    path = _once(cache / f"function-{key}.zip", make)
    for old in sorted(cache.glob("function-*.zip"), key=_age)[_KEPT:]:
        old.unlink(missing_ok=True)
    return Asset(path)


def build_plain(source: Path, *, cache: Path = _CACHE) -> Asset:
    """What to deploy for code in `source` that needs no packages but those that Lambda brings.

    It has no bytecode, which would save a second of what runs once in a deployment.
    """
    code = _read_shipped(source)

    def make(folder: Path) -> Path:
        archive = folder / "function.zip"
        _archive(_write(code, folder / "code"), archive)
        return archive

    return Asset(_once(cache / f"plain-{_digest(code)}.zip", make))


def shipped(folder: Path) -> list[Path]:
    """The files in the folder that ship, relative to it, sorted."""
    paths = (path.relative_to(folder) for path in folder.rglob("*"))
    named = (path for path in paths if _SHIPPED.fullmatch(path.as_posix()))
    return sorted(path for path in named if (folder / path).is_file())


def fetch_dependencies(source: Path, platform: Platform, *, cache: Path = _CACHE) -> Path:
    """An archive of the compiled dependencies, and of what renders the API's document.

    Needs the network the first time only.
    """
    requirements = source / "requirements.txt"
    wheels = platform.wheels or host.platform()
    renderer = {
        name: _read(_RENDERER / name, "./scripts/run installs it") for name in _RENDERER_FILES
    }
    modules = [Path(module) for module in (__file__, deferral.__file__, pruning.__file__)]
    key = _digest(
        {
            "requirements": requirements.read_bytes(),
            "wheels": wheels.encode(),
            **{module.name: module.read_bytes() for module in modules},
            **renderer,
        }
    )

    def make(folder: Path) -> Path:
        packages, archive = folder / "packages", folder / "dependencies.zip"
        _install(requirements, platform, packages)
        pruning.prune(packages)
        _compile(packages)
        (copies := packages / _PAGES / "swagger-ui").mkdir(parents=True)
        for name, content in renderer.items():
            (copies / name).write_bytes(content)
        _compress(copies)
        _archive(packages, archive)
        return archive

    return _once(cache / f"dependencies-{key}.zip", make)


def _read(path: Path, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RuntimeError(f"{path.relative_to(_ROOT)} is missing: {remedy}.") from None


def _read_shipped(source: Path) -> dict[str, bytes]:
    return {path.as_posix(): (source / path).read_bytes() for path in shipped(source)}


def _write(content: Mapping[str, bytes], folder: Path) -> Path:
    for name, data in content.items():
        (path := folder / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _install(requirements: Path, platform: Platform, folder: Path) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]
    # What is pruned here must stay in uv's cache.
    command += ["--link-mode", "copy", "--python", sys.executable]
    if platform.wheels:
        command += ["--python-platform", platform.wheels]
    # Away from pyproject.toml, whose settings for uv are about its own lock.
    done = subprocess.run(  # noqa: S603
        command, check=False, capture_output=True, text=True, cwd=folder.anchor
    )
    if done.returncode:
        raise RuntimeError(f"uv could not fetch the function's dependencies:\n{done.stderr}")


def _compile(folder: Path) -> None:
    # Lambda's file system is read-only, and the deployment resets the times of files: bytecode
    # that is checked against them would be stale, and compiled again at every cold start.
    # A process of its own, because what a process has imported shows in the bytecode it writes.
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-s", str(folder)]
    command += ["-p", _DEPLOYED_TO, "--invalidation-mode", "unchecked-hash", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"The function could not be compiled:\n{done.stdout}{done.stderr}")


def _compress(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name in _COMPRESSED:
            compressed = gzip.compress(path.read_bytes(), mtime=0)
            path.with_name(f"{path.name}.gz").write_bytes(compressed)
            path.unlink()


def _archive(folder: Path, archive: Path) -> None:
    """Add every file below the folder to the archive; the same files give the same bytes."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_EPOCH)
            entry.external_attr = _READABLE
            opened.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _once(path: Path, make: Callable[[Path], Path]) -> Path:
    """`path`, made in an empty folder unless it is there; it appears whole or not at all."""
    if path.exists():
        path.touch()  # it is in use
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="building-") as building:
        return make(Path(building)).rename(path)


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except FileNotFoundError:  # another build has removed it
        return 0.0


def _digest(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(content.items()):
        for part in (name.encode(), data):
            digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
