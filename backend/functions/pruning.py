"""Removes unused parts of a function's packages, which would slow down its cold starts.

If a package no longer looks as expected, the build fails, so that someone looks at the package
before its new version ships.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.functions.deferral import CannotDefer, deferred


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What to remove from a function's packages. Paths are relative to the packages' folder.

    Attributes:
        unused: Files and folders to remove.
        deferred: Modules, each with the names whose imports to defer; an empty tuple defers all
            imports that can be.
    """

    unused: tuple[str, ...] = ()
    deferred: tuple[tuple[str, tuple[str, ...]], ...] = ()


NO_PRUNING: Final = Pruning()


def prune(folder: Path, pruning: Pruning) -> None:
    """Prune the packages that are installed in a folder.

    Raises:
        RuntimeError: A package isn't what the pruning expects.
    """
    for path, names in pruning.deferred:
        module = folder / path
        try:
            module.write_text(deferred(module.read_text("utf-8"), names or None), "utf-8")
        except (FileNotFoundError, CannotDefer) as error:
            raise RuntimeError(f"The imports of {path} can't be deferred: {error}.") from None
    for unused in pruning.unused:
        target = folder / unused
        if target.is_file():
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)
        else:
            raise RuntimeError(f"{unused} isn't there to remove: correct the function's pruning.")
    # Scripts and the installer's own records are never imported and not reproducible.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"):
        for note in folder.glob(f"*.dist-info/{name}"):
            note.unlink()
