"""Measures this project's function beside its peers; or checks that it hasn't become worse."""

from typing import Final

from benchmarks import page
from benchmarks.runtime import instructions, memory, ratios, report, times
from benchmarks.runtime.preparation import prepared
from benchmarks.runtime.subjects import OURS, SUBJECTS, USUAL, F
from tooling.progress import say

_WORSE: Final = 3  # the exit status


def check() -> int:
    """Return the exit status: whether a figure has become worse than its goal or than committed.

    Memory that grows counts, too.

    Raises:
        Failure: The function, or what measures it, doesn't work.
    """
    instructions.require_valgrind()
    with prepared((F, OURS)) as (place, ready):
        warm = times.warm(place, ready)
        counts = instructions.count(place, ready)
        sizes = memory.measure(place, ready[-1])
    assets = {one.subject.name: one.asset for one in ready}
    measured = ratios.figures(ratios.Measured(counts, warm, assets))
    say("; ".join(f"{name} {value:.3f}" for name, value in measured.items()))
    say(f"Memory: {sizes}.")
    committed = ratios.read()
    if unmet := list(ratios.unmet(committed)):
        say(f"Goals that are not met yet: {'; '.join(unmet)}.")
    faults = [*ratios.faults(measured, committed), *sizes.faults()]
    for fault in faults:
        say(fault)
    return _WORSE if faults else 0


def measure() -> None:
    """Measure all subjects, and write docs/benchmarks.md and benchmarks/ratios.json.

    Raises:
        Failure: A subject, or what measures it, doesn't work.
    """
    instructions.require_valgrind()
    with prepared((*SUBJECTS, *USUAL.values())) as (place, ready):
        starts = times.starts(place, ready)
        # Once it runs, one as usually deployed is like the others.
        warm = times.warm(place, [one for one in ready if one.subject in SUBJECTS])
        counts = instructions.count(place, ready)
        [ours] = (one for one in ready if one.subject == OURS)
        sizes = memory.measure(place, ours)
    assets = {one.subject.name: one.asset for one in ready}
    found = ratios.Measured(counts, warm, assets)
    content = f"{report.conditions()}\n{report.tables(found, starts)}\nMemory: {sizes}.\n"
    page.write(page.BENCHMARKS, "peers", content)
    ratios.write(ratios.figures(found))
