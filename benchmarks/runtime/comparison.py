"""Measures this project's function beside its peers; or checks that it hasn't become worse."""

from typing import Final

from benchmarks import page
from benchmarks.runtime import instructions, memory, ratios, report, times
from benchmarks.runtime.preparation import prepared
from benchmarks.runtime.subjects import FLOOR, OURS, SUBJECTS
from tooling.progress import say

_WORSE: Final = 3  # the exit status


def check() -> int:
    """Return the exit status: whether the function is slower than committed, or its memory grows.

    Raises:
        Failure: The function, or what measures it, doesn't work.
    """
    instructions.require_valgrind()
    with prepared((FLOOR, OURS)) as (place, ready):
        counts = instructions.count(place, ready, ("get", "create"))
        sizes = memory.measure(place, ready[-1])
    measured = ratios.ratios(counts[OURS.name], counts[FLOOR.name])
    sentences, is_worse = verdict(measured, ratios.read(), sizes)
    for sentence in sentences:
        say(sentence)
    return _WORSE if is_worse else 0


def verdict(
    measured: ratios.Ratios, committed: ratios.Ratios, sizes: memory.Sizes
) -> tuple[list[str], bool]:
    """Describe what a check found, and return whether the function has become worse."""
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


def measure() -> None:
    """Measure all subjects, and write docs/benchmarks.md and benchmarks/ratios.json.

    Raises:
        Failure: A subject, or what measures it, doesn't work.
    """
    instructions.require_valgrind()
    with prepared(SUBJECTS) as (place, ready):
        spent = times.measure(place, ready)
        counts = instructions.count(place, ready, ("get", "create", "patch", "list"))
        [ours] = (one for one in ready if one.subject == OURS)
        sizes = memory.measure(place, ours)
    assets = {one.subject.name: one.asset for one in ready}
    found = report.Report(SUBJECTS, assets, counts, spent, sizes)
    page.write(page.BENCHMARKS, "peers", f"{report.conditions()}\n{report.tables(found)}")
    ratios.write(ratios.ratios(counts[OURS.name], counts[FLOOR.name]))
