"""Removes from a function's packages what it never uses: a cold start would pay for it.

What a package must look like for this is checked: one that has changed is an error of the build,
and is to be looked at before its new version ships.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.functions.deferral import CannotDefer, deferred


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What a function's packages can do without.

    Attributes:
        unused: Files and folders that nothing reads.
        deferred: Modules, and the names whose imports wait for their first use; an empty tuple
            stands for all imports that can wait.
    """

    unused: tuple[str, ...] = ()
    deferred: tuple[tuple[str, tuple[str, ...]], ...] = ()


NO_PRUNING: Final = Pruning()


def prune(folder: Path, pruning: Pruning) -> None:
    """Change the packages that are installed in a folder.

    Raises:
        RuntimeError: One of them isn't what the pruning expects.
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
    # Scripts and what the installer wrote about itself: not imported, and not reproducible.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"):
        for note in folder.glob(f"*.dist-info/{name}"):
            note.unlink()
