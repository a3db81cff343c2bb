"""Builds the archives of Lambda functions: code, locked packages for the platform, bytecode.

uv picks the wheels, so this needs no Docker. The packages are archived once for each lock and
platform. A build after a change of the code adds to a copy of that archive, which takes a tenth of
a second.
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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from backend.functions.platform import PYTHON_VERSION, Platform

_ROOT: Final = Path(__file__).parents[2]
# Python modules, certificates and static files. Everything else in a folder is for people or was
# left by tools and editors.
_SHIPPED: Final = re.compile(r"(\w+/)*(\w+\.py|authorities\.pem|static/[\w-]+\.(css|html|js))")

_DEPLOYED_TO = "/var/task"
_CACHE: Final = _ROOT / ".local" / "assets"
# Limits what a day of edits leaves on the disk: each archive contains the dependencies.
_MAX_ARCHIVES: Final = 8

_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
# Lambda runs the function as another user, who must be able to read it whatever the umask here.
_READABLE: Final = (stat.S_IFREG | 0o644) << 16


@dataclass(frozen=True)
class File:
    """A file from elsewhere in the repository.

    Attributes:
        source: Where it is, relative to the repository.
        remedy: How to get it, such as "./scripts/openapi writes it".
    """

    source: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Asset:
    """The contents of a function's archive. Files keep their paths in the repository.

    Attributes:
        code: Folders and modules, relative to the repository, such as "backend/users".
        requirements: The file that locks the packages to ship, relative to the repository; None if
            the function needs only the packages that Lambda provides.
        unused: Files and folders of those packages to leave out, relative to where they are
            installed, such as "botocore/data". The build fails if one isn't there, so that someone
            looks at a package that has changed before it ships.
        files: Other files, by their paths in the archive. If the path ends in .gz, the file is
            compressed.
    """

    code: tuple[str, ...]
    requirements: str | None = None
    unused: tuple[str, ...] = ()
    files: Mapping[str, File] = field(default_factory=dict)


@dataclass(frozen=True)
class Archive:
    """An archive to deploy."""

    path: Path

    @property
    def digest(self) -> str:
        """A digest that changes if and only if a file's name or content does.

        If it changes, the CDK makes a new version, which Lambda refuses if the code is the same.
        Compressed files count as they were before, because compression differs between machines.
        """
        with zipfile.ZipFile(self.path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        return _digest(
            {n: gzip.decompress(c) if n.endswith(".gz") else c for n, c in content.items()}
        )


def build(asset: Asset, platform: Platform, *, root: Path = _ROOT, cache: Path = _CACHE) -> Archive:
    """Build a function's archive, or return it from the cache.

    Args:
        asset: The contents.
        platform: What the function runs on.
        root: The repository.
        cache: The folder that keeps archives.

    Raises:
        RuntimeError: A wheel can't be downloaded, what is left out of the packages isn't there, a
            file is missing, the code can't be compiled, or this isn't the function's Python.
    """
    if sys.version_info[:2] != PYTHON_VERSION:
        raise RuntimeError(
            f"The function needs bytecode of Python {PYTHON_VERSION}; this is "
            f"{sys.version_info[:2]}. Use .venv/bin/python."
        )
    packages = build_packages(asset, platform, root=root, cache=cache)
    code = {path.as_posix(): (root / path).read_bytes() for path in shipped(asset, root=root)}
    files = {name: _read(root, file) for name, file in asset.files.items()}
    made_of = packages.name.encode() if packages else b""
    key = _digest({**code, **files, **_own_modules(), "packages": made_of})

    def make(folder: Path) -> Path:
        copies = _write(code, folder / "code")
        _compile(copies)
        _write({name: _compressed(name, data) for name, data in files.items()}, copies)
        archive = folder / "function.zip"
        if packages:
            shutil.copyfile(packages, archive)
        _archive(copies, archive)
        return archive

    path = _once(cache / f"function-{key}.zip", make)
    for old in sorted(cache.glob("function-*.zip"), key=_age)[_MAX_ARCHIVES:]:
        old.unlink(missing_ok=True)
    return Archive(path)


def shipped(asset: Asset, *, root: Path = _ROOT) -> list[Path]:
    """Return the files of an asset's code, relative to the repository, sorted."""
    found: set[Path] = set()
    for name in asset.code:
        place = Path(name)
        if (root / place).is_dir():
            inside = (path.relative_to(root / place) for path in (root / place).rglob("*"))
            named = (place / path for path in inside if _SHIPPED.fullmatch(path.as_posix()))
            found.update(path for path in named if (root / path).is_file())
        elif (root / place).is_file():
            found.add(place)
        else:
            raise RuntimeError(f"{name} is no file or folder: correct the function's asset.")
        # The folders above must be packages in the archive, too.
        found.update(above / "__init__.py" for above in place.parents if above != Path())
    return sorted(found)


def build_packages(
    asset: Asset, platform: Platform, *, root: Path = _ROOT, cache: Path = _CACHE
) -> Path | None:
    """Build an archive of an asset's compiled packages, or return it from the cache.

    Only the first build needs the network. The arguments and errors are those of build().

    Returns:
        The archive; None if the asset has no packages.
    """
    if asset.requirements is None:
        return None
    requirements = root / asset.requirements
    wheels = platform.wheels or host.platform()
    key = _digest(
        {
            "requirements": requirements.read_bytes(),
            "wheels": wheels.encode(),
            "unused": repr(asset.unused).encode(),
            **_own_modules(),
        }
    )

    def make(folder: Path) -> Path:
        packages, archive = folder / "packages", folder / "packages.zip"
        _install(requirements, platform, packages)
        _remove(asset.unused, packages)
        _compile(packages)
        _archive(packages, archive)
        return archive

    return _once(cache / f"packages-{key}.zip", make)


def _own_modules() -> dict[str, bytes]:
    """Return what builds an archive, so that another way to build makes another one."""
    return {"build/bundling.py": Path(__file__).read_bytes()}


def _read(root: Path, file: File) -> bytes:
    try:
        return (root / file.source).read_bytes()
    except FileNotFoundError:
        raise RuntimeError(f"{file.source} is missing: {file.remedy}.") from None


def _compressed(name: str, data: bytes) -> bytes:
    return gzip.compress(data, mtime=0) if name.endswith(".gz") else data


def _write(content: Mapping[str, bytes], folder: Path) -> Path:
    for name, data in content.items():
        (path := folder / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _install(requirements: Path, platform: Platform, folder: Path) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]
    # Copies, because removing files must not change uv's cache.
    command += ["--link-mode", "copy", "--python", sys.executable]
    if platform.wheels:
        command += ["--python-platform", platform.wheels]
    # Outside the repository, because the settings for uv in pyproject.toml don't apply here.
    done = subprocess.run(  # noqa: S603
        command, check=False, capture_output=True, text=True, cwd=folder.anchor
    )
    if done.returncode:
        raise RuntimeError(f"uv could not fetch the function's dependencies:\n{done.stderr}")


def _remove(unused: Iterable[str], folder: Path) -> None:
    for name in unused:
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        elif target.is_file():
            target.unlink()
        else:
            raise RuntimeError(f"{name} isn't there to leave out: correct the function's asset.")
    # Scripts and the installer's own records are never imported and not reproducible.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"):
        for note in folder.glob(f"*.dist-info/{name}"):
            note.unlink()


def _compile(folder: Path) -> None:
    # Unchecked, because deployment resets the files' times and Lambda's file system is read-only:
    # Python would find the bytecode stale and compile it again at every cold start.
    # In a new process, because what a process has imported affects the bytecode that it writes.
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-s", str(folder)]
    command += ["-p", _DEPLOYED_TO, "--invalidation-mode", "unchecked-hash", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"The function could not be compiled:\n{done.stdout}{done.stderr}")


def _archive(folder: Path, archive: Path) -> None:
    """Add every file below the folder to the archive, reproducibly."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_EPOCH)
            entry.external_attr = _READABLE
            opened.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _once(path: Path, make: Callable[[Path], Path]) -> Path:
    """Make a file atomically, unless it exists.

    Args:
        path: Where the file belongs.
        make: Makes the file in the empty folder that it is given, and returns its path.
    """
    if path.exists():
        path.touch()  # builds remove the archives that haven't been used for longest
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
