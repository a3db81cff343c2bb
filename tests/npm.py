"""Installs Node packages that only some tests need. Each folder has its own lock."""

import fcntl
import functools
import hashlib
import inspect
import shutil
from collections.abc import Callable
from pathlib import Path

from tooling.install import LOCAL, npm_ci


@functools.cache
def install(source: Path, finish: Callable[[Path], None] | None = None) -> Path:
    """Install the packages of a package-lock.json, unless they are installed, and return where.

    Args:
        source: The folder of the package-lock.json.
        finish: Called after npm with the folder. If its module changes, all is installed again.
    """
    target = LOCAL / source.name
    stamp = target / "installed"
    digest = hashlib.sha256(str(target).encode())
    inputs = [Path(__file__), source / "package-lock.json"]
    if finish:
        inputs.append(Path(inspect.getfile(finish)))
    for path in inputs:
        digest.update(path.read_bytes())
    with (LOCAL / f"{source.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return target
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, target)
        npm_ci(target)
        if finish:
            finish(target)
        stamp.write_text(digest.hexdigest())
    return target
