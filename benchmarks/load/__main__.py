"""./scripts/load: a sandbox under load at its limit, and whether anything is lost meanwhile.

Writes docs/benchmarks.md, below "Load", and docs/load.svg; with less than ten minutes it only
prints. Ends with 1 when an answer was wrong, something was lost, or memory grew.
"""

import argparse
import os
import sys
from typing import Final

from localcloud.command import run
from tooling.install import PYTHON, ROOT, install_group
from tooling.processes import Interrupted, Interruption
from tooling.progress import Failure, explain, say, step

_MINUTES: Final = 10


def main() -> None:
    """Parse the command line, and measure in an empty sandbox."""
    parser = argparse.ArgumentParser(prog="./scripts/load", description=__doc__)
    parser.add_argument("--minutes", type=_minutes, default=_MINUTES, help="how long", metavar="N")
    minutes = parser.parse_args().minutes
    os.chdir(ROOT)  # where modules are found
    interruption = Interruption()
    try:
        with step("locust"):
            install_group("load")
        options = ["--write"] if minutes >= _MINUTES else []
        command = [str(PYTHON), "-m", "benchmarks.load.measure", str(minutes), *options]
        sys.exit(run(command, interruption))
    except Failure as failure:
        explain(failure)
        sys.exit(1)
    except Interrupted as interrupted:
        say("\nStopped.")
        sys.exit(interrupted.status)


def _minutes(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes: use 1 or more")


if __name__ == "__main__":
    main()
