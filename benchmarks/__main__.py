"""./scripts/benchmark: what the function costs, alone and beside its peers.

peers: instructions, time and memory of this project's function and its peers, in ten minutes.
growth: requests, units and time of each call with ever more users, in five minutes.
load: a sandbox under load; whether responses stay right and memory keeps its size.
Each writes its part of docs/benchmarks.md or docs/growth.md.
"""

import argparse
import platform
import sys

from tooling.progress import Failure, explain

_PAGE_MINUTES = 10


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        prog="./scripts/benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", nargs="?", choices=("peers", "growth", "load"), default="peers", help="or peers"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="of peers, only: end with 3 if the function misses a goal or is worse than "
        "benchmarks/ratios.json says, or its memory grows",
    )
    parser.add_argument(
        "--minutes",
        type=int,
        default=_PAGE_MINUTES,
        metavar="N",
        help=f"of load: how long; less than {_PAGE_MINUTES} writes nothing",
    )
    options = parser.parse_args()
    if options.minutes < 1:
        parser.error("--minutes must be 1 or more")
    if platform.system() != "Linux":
        sys.exit("The benchmarks need Linux: they read /proc.")
    # What one of them imports, the others don't need.
    try:
        if options.what == "growth":
            from benchmarks.growth import report  # noqa: PLC0415

            report.measure()
        elif options.what == "load":
            from benchmarks.load import measure  # noqa: PLC0415

            measure.in_sandbox(options.minutes, is_written=options.minutes >= _PAGE_MINUTES)
        else:
            from benchmarks.runtime import comparison  # noqa: PLC0415

            if options.check:
                sys.exit(comparison.check())
            comparison.measure()
    except Failure as failure:
        explain(failure)
        sys.exit(1)
