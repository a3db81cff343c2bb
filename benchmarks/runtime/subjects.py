"""The functions that are compared, each as the folder that Lambda would have at /var/task."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from backend.api.asset import ASSET
from backend.functions.bundling import HOST, build
from tooling.install import LOCAL, ROOT, install_group
from tooling.progress import Failure

_PEERS: Final = ROOT / "benchmarks" / "peers"
_SITE_PACKAGES: Final = Path("lib", "python{}.{}".format(*sys.version_info), "site-packages")
_TASK_ROOT: Final = Path("/var/task")
_NAMED: Final = frozenset(
    {
        "aws-lambda-powertools",
        "awslambdaric",
        "boto3",
        "botocore",
        "fastapi",
        "mangum",
        "pydantic",
        "pydynox",
    }
)
# What the CDK CLI gives every file of a folder that it zips (cdk-assets, zipDirectory).
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Subject:
    """A function to measure.

    peer: its folder in benchmarks/peers; None for this project's own function.
    is_compiled: whether its bytecode stays valid; that of assets as they are usually deployed
        does not, because the CDK CLI resets the files' times in the archive.
    """

    name: str
    title: str
    peer: str | None
    is_compiled: bool = True
    calls: tuple[str, ...] = ("get", "create", "patch", "list")


OURS: Final = Subject("ours", "this project", None)
FLOOR: Final = Subject("floor", "F: botocore by hand", "floor")
_GET_CREATE_PATCH: Final = ("get", "create", "patch")
_PEER_SUBJECTS: Final = (
    Subject("ordinary", "Powertools + pydantic + boto3", "ordinary"),
    Subject("cookbook", "the cookbook's shape", "cookbook"),
    Subject("reference", "the reference's shape", "reference", calls=_GET_CREATE_PATCH),
    Subject("fastapi", "FastAPI + Mangum + boto3", "fastapi"),
)
USUAL: Final = "-usual"
SUBJECTS: Final = (
    OURS,
    FLOOR,
    *_PEER_SUBJECTS,
    *(
        replace(
            peer,
            name=f"{peer.name}{USUAL}",
            title=f"{peer.title}, as usually deployed",
            is_compiled=False,
        )
        for peer in _PEER_SUBJECTS
    ),
)


class Asset(NamedTuple):
    """root: the folder to run; zipped, unzipped: bytes; parts: bytes unzipped, by what they are."""

    root: Path
    zipped: int
    unzipped: int
    parts: dict[str, int]


def lambda_python() -> Path:
    """The interpreter of an environment that holds awslambdaric and nothing else, as Lambda's."""
    _require_compiled_library()
    environment = install_group("benchmark")
    _compile(packages := environment / _SITE_PACKAGES, "checked-hash", deployed_to=packages)
    return environment / "bin" / "python"


def make(subject: Subject, folder: Path, root_certificate: str) -> Asset:
    """The subject's asset, unpacked below the folder.

    root_certificate: added to every file of certificate authorities that the asset has, so that
    each subject trusts the stub of DynamoDB, and reads as many authorities as it would.
    """
    # What the CDK CLI gets of ours is an archive already, and it uploads those as they are.
    archive = _pack_peer(subject, folder) if subject.peer else build(ASSET, HOST).path
    root = folder / subject.name
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(root)  # the files' times are now
        sizes = [(Path(entry.filename), entry.file_size) for entry in opened.infolist()]
    parts: dict[str, int] = {}
    for path, size in sizes:
        parts[_part(path)] = parts.get(_part(path), 0) + size
    for bundle in root.rglob("*.pem"):
        bundle.write_text(bundle.read_text() + root_certificate)
    return Asset(root, archive.stat().st_size, sum(size for _, size in sizes), parts)


def versions() -> dict[str, str]:
    """Of the packages that make the difference, as the subjects have them."""
    found = {}
    for group in ("benchmark", *(f"peer-{peer.peer}" for peer in (FLOOR, *_PEER_SUBJECTS))):
        path = [str(install_group(group) / _SITE_PACKAGES)]
        for distribution in importlib.metadata.distributions(path=path):
            if distribution.name in _NAMED:
                found[distribution.name] = distribution.version
    return dict(sorted(found.items()))


def _pack_peer(subject: Subject, folder: Path) -> Path:
    environment = install_group(f"peer-{subject.peer}")
    files = folder / f"{subject.name}-files"
    ignored = shutil.ignore_patterns("__pycache__", "_virtualenv*")
    shutil.copytree(environment / _SITE_PACKAGES, files, ignore=ignored)
    shutil.copytree(_PEERS / str(subject.peer), files, ignore=ignored, dirs_exist_ok=True)
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
    """Bytecode of Python's own modules: without it each start would compile them again."""
    library = Path(sysconfig.get_path("stdlib"))
    witness = Path(importlib.util.cache_from_source(str(library / "http" / "client.py")))
    if witness.exists():
        return
    if not library.is_relative_to(LOCAL):  # nothing is written outside of the checkout
        raise Failure(
            "Python's own modules are not compiled: run "
            f"{sys.executable} -m compileall -q {library} as their owner, and start again."
        )
    _compile(library, "checked-hash", deployed_to=library)


def _part(path: Path) -> str:
    """Whose a file is: a package's, or the function's own."""
    top = path.parts[0]
    if len(path.parts) == 1 or top in {"__pycache__", "pages"}:
        return "pages" if top == "pages" else "own code, and single modules"
    return top
