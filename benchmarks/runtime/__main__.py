"""./scripts/benchmark: what this project's function costs, beside its peers.

Without arguments it takes some ten minutes and writes docs/benchmarks.md, its picture and
benchmarks/ratios.json. docs/benchmarks.md says what is measured, and how.
"""

import argparse
import platform
import sys
from typing import Final

from benchmarks.runtime import memory, ratios, report, times, workbench
from benchmarks.runtime.instructions import require_valgrind
from benchmarks.runtime.subjects import FLOOR, OURS, SUBJECTS
from tooling.progress import Failure, explain, say

_CALLS: Final = ("get", "create", "patch", "list")
_QUICK: Final = tuple(s for s in SUBJECTS if s.name in {"ours", "floor", "ordinary"})
# Counted of each call.
_REQUESTS: Final = 25
_WORSE: Final = 3  # the exit status


def main() -> None:
    """Measure, and write or print what came out."""
    parser = argparse.ArgumentParser(prog="./scripts/benchmark", description=__doc__)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--quick", action="store_true", help="three subjects, few samples; writes nothing"
    )
    group.add_argument(
        "--check",
        action="store_true",
        help=f"only whether it is slower than benchmarks/ratios.json says, or its memory grows: "
        f"then ends with {_WORSE}",
    )
    options = parser.parse_args()
    try:
        _require_linux()
        require_valgrind()
        if options.check:
            sys.exit(_check())
        _measure(is_quick=options.quick)
    except Failure as failure:
        explain(failure)
        sys.exit(1)


def _check() -> int:
    with workbench.place() as (where, folder, certificates):
        prepared = workbench.prepare(where, folder, certificates, (FLOOR, OURS))
        [_, ours] = prepared
        counts = workbench.count(where, folder, prepared, ("get", "create"), _REQUESTS)
        sizes = memory.measure(where, ours)
    measured = ratios.ratios(counts[OURS.name], counts[FLOOR.name])
    sentences, is_worse = verdict(measured, ratios.read(), sizes)
    for sentence in sentences:
        say(sentence)
    return _WORSE if is_worse else 0


def verdict(
    measured: ratios.Ratios, committed: ratios.Ratios, sizes: memory.Sizes
) -> tuple[list[str], bool]:
    """What is to be said of a check, and whether the function has become worse."""
    compared, is_slower = ratios.compared(measured, committed)
    if is_slower:
        speed = (
            f"Slower than committed: {compared}. Make it faster again, or run "
            "./scripts/benchmark and commit the new ratios with the reason."
        )
    else:
        speed = f"Not slower than committed: {compared}."
    if sizes.has_grown:
        memory_used = f"Its memory grows: {sizes}. Find what it keeps of each request."
    else:
        memory_used = f"Its memory stays: {sizes}."
    return [speed, memory_used], is_slower or sizes.has_grown


def _measure(*, is_quick: bool) -> None:
    subjects = _QUICK if is_quick else SUBJECTS
    with workbench.place() as (where, folder, certificates):
        prepared = workbench.prepare(where, folder, certificates, subjects)
        spent = times.measure(
            where,
            prepared,
            starts=2 if is_quick else 10,
            requests=200 if is_quick else times.REQUESTS,
        )
        counts = workbench.count(where, folder, prepared, _CALLS, 5 if is_quick else _REQUESTS)
        [ours] = (one for one in prepared if one.subject == OURS)
        sizes = None if is_quick else memory.measure(where, ours)
    assets = {one.subject.name: one.asset for one in prepared}
    result = report.Report(subjects, assets, counts, spent, sizes)
    if is_quick:
        sys.stdout.write(report.tables(result))
        return
    report.write(result)
    ratios.write(ratios.ratios(counts[OURS.name], counts[FLOOR.name]))
    say("docs/benchmarks.md, docs/benchmarks.svg and benchmarks/ratios.json are written.")


def _require_linux() -> None:
    if platform.system() != "Linux":
        raise Failure("This needs Linux: it runs functions as Lambda does, and reads /proc.")


if __name__ == "__main__":
    main()
