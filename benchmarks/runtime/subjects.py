"""The functions that are compared, each as the folder that Lambda would have at /var/task."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import project
from tooling.install import LOCAL, install_group
from tooling.progress import Failure

FOLDER: Final = Path(__file__).parents[1]
_PEERS: Final = FOLDER / "peers"
_SITE_PACKAGES: Final = Path("lib", "python{}.{}".format(*sys.version_info), "site-packages")
_TASK_ROOT: Final = Path("/var/task")
# What the CDK CLI gives every file of a folder that it zips (cdk-assets, zipDirectory).
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Subject:
    """A function to measure.

    Attributes:
        name: Its own, also of its table.
        title: What tables call it.
        peer: Its folder in benchmarks/peers, and its group of packages; None for this project's.
        lacks: The keys in LACKS of what this project does and it doesn't.
        is_compiled: Whether its bytecode is valid on Lambda. That of assets as usually deployed
            isn't, because the CDK CLI resets the files' times in the archive.
        calls: Those that are measured.
        handler: As Lambda names it.
    """

    name: str
    title: str
    peer: str | None
    lacks: str = ""
    is_compiled: bool = True
    calls: tuple[str, ...] = ("get", "create", "patch", "page")
    handler: str = "lambda_function.handler"


LACKS: Final = {
    "E": "emails are not unique",
    "K": "no ETags, no Idempotency-Key",
    "L": "no log or no metrics",
    "P": "all users are in one partition",
    "V": "less validation, or none",
}
OURS: Final = Subject("ours", "this project", None, handler=project.HANDLER)
F: Final = Subject("botocore", "F: botocore's client by hand", "botocore", "KLPV")
LIMIT: Final = Subject("limit", "the limit: bare signed requests", "signed", "KLPV")
COOKBOOK: Final = Subject("cookbook", "the cookbook's shape", "cookbook", "EKPV")
_USUAL_PEERS: Final = (
    Subject("ordinary", "Powertools + pydantic + boto3", "ordinary", "EKPV"),
    COOKBOOK,
    Subject(
        "reference",
        "the reference's shape",
        "reference",
        "EKLPV",
        calls=("get", "create", "patch"),
    ),
    Subject("fastapi", "FastAPI + Mangum + boto3", "fastapi", "EKLPV"),
)
SUBJECTS: Final = (OURS, LIMIT, F, *_USUAL_PEERS)
# The same as usually deployed; only their starts differ.
USUAL: Final = {
    peer: replace(peer, name=f"{peer.name}-usual", is_compiled=False, calls=("get",))
    for peer in _USUAL_PEERS
}


class Asset(NamedTuple):
    """root: the folder to run; zipped, unzipped: bytes."""

    root: Path
    zipped: int
    unzipped: int


def lambda_python() -> Path:
    """Return the interpreter of an environment that holds awslambdaric only, as Lambda's does."""
    _require_compiled_library()
    environment = install_group("lambda", FOLDER)
    _compile(packages := environment / _SITE_PACKAGES, "checked-hash", deployed_to=packages)
    return environment / "bin" / "python"


def make(subject: Subject, folder: Path, root_certificate: str) -> Asset:
    """Unpack the subject's asset below the folder.

    Args:
        subject: Whose asset it is.
        folder: Where its own is made.
        root_certificate: Added to each file of certificate authorities that the asset has, so
            that a client reads as many authorities as it would on Lambda.
    """
    # The CDK CLI uploads ours as it is: it is an archive already.
    archive = _pack(subject, subject.peer, folder) if subject.peer else project.build_archive()
    root = folder / subject.name
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(root)  # the files' times are now
        unzipped = sum(entry.file_size for entry in opened.infolist())
    for bundle in root.rglob("*.pem"):
        bundle.write_text(bundle.read_text() + root_certificate)
    return Asset(root, archive.stat().st_size, unzipped)


def versions() -> str:
    """Return the versions of the packages that benchmarks/pyproject.toml names."""
    packages = tomllib.loads((FOLDER / "uv.lock").read_text())["package"]
    named = (FOLDER / "pyproject.toml").read_text()
    return ", ".join(
        f"{package['name']} {package['version']}"
        for package in packages
        if f'"{package["name"]}>' in named
    )


def _pack(subject: Subject, peer: str, folder: Path) -> Path:
    files = folder / f"{subject.name}-files"
    ignored = shutil.ignore_patterns("__pycache__", "_virtualenv*")
    shutil.copytree(install_group(peer, FOLDER) / _SITE_PACKAGES, files, ignore=ignored)
    shutil.copytree(_PEERS / peer, files, ignore=ignored, dirs_exist_ok=True)
    # pip compiles what it installs, checked against the source's time.
    _compile(files, "unchecked-hash" if subject.is_compiled else "timestamp")
    archive = folder / f"{subject.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(path for path in files.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(files).as_posix(), _EPOCH)
            entry.external_attr = path.stat().st_mode << 16
            opened.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    shutil.rmtree(files)
    return archive


def _compile(folder: Path, mode: str, *, deployed_to: Path = _TASK_ROOT) -> None:
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-j", str(os.cpu_count())]
    command += ["-s", str(folder), "-p", str(deployed_to), "--invalidation-mode", mode, str(folder)]
    subprocess.run(command, check=True)


def _require_compiled_library() -> None:
    """Require bytecode of Python's own modules: without it each start would compile them again."""
    library = Path(sysconfig.get_path("stdlib"))
    if Path(importlib.util.cache_from_source(str(library / "http" / "client.py"))).exists():
        return
    if not library.is_relative_to(LOCAL):  # nothing is written outside of the checkout
        raise Failure(
            "Python's own modules are not compiled: run "
            f"{sys.executable} -m compileall -q {library} as their owner, and start again."
        )
    _compile(library, "checked-hash", deployed_to=library)
