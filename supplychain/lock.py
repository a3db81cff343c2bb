"""./scripts/lock: locks what pyproject.toml and each package.json name, and installs that.

Writes what others read of uv.lock, too: the pipeline, and the build of the function.
"""

import argparse
import os
import sys
from typing import Final

from supplychain import pins
from supplychain.settings import NODE_FOLDERS
from tooling.install import ROOT
from tooling.progress import Failure, explain

# By group of uv.lock.
_EXPORTED: Final = {
    "infrastructure": "requirements.txt",
    "runtime": "backend/api/runtime/requirements.txt",
}


def main() -> None:
    """Lock, export and install."""
    argparse.ArgumentParser(prog="./scripts/lock", description=__doc__).parse_args()
    try:
        pins.uv(ROOT, "lock")
        for group, file in _EXPORTED.items():
            options = ["--quiet", "--frozen", "--only-group", group, "--no-emit-project"]
            pins.uv(ROOT, "export", *options, "--output-file", file)
        for folder in NODE_FOLDERS:
            pins.npm(ROOT / folder)
    except Failure as failure:
        explain(failure)
        sys.exit(1)
    run = str(ROOT / "scripts" / "run")
    os.execv(run, [run])  # noqa: S606
