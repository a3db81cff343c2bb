"""What this project's function costs relative to F, the goals for it, and what is committed.

benchmarks/ratios.json holds both; ./scripts/benchmark writes what it measures beside the goals.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from benchmarks.runtime.instructions import FIRST_CALLS, Counts, start
from benchmarks.runtime.subjects import FOLDER, OURS, Asset, F
from benchmarks.runtime.times import Warm, ratio

FILE: Final = FOLDER / "ratios.json"
_TOLERANCE: Final = 0.03
# Repeated, the ratios of processor times differ by some percent; instructions hardly do.
_CPU_TOLERANCE: Final = 0.1
_CPU: Final = "processor time: "
_MEMORY: Final = "memory"
_ARCHIVE: Final = "archive, MB"

type Figures = Mapping[str, float]


class Measured(NamedTuple):
    """What was measured, by the subject's name."""

    counts: Mapping[str, Counts]
    warm: Mapping[str, Warm]
    assets: Mapping[str, Asset]


class Committed(NamedTuple):
    """A committed figure, and the goal for it; None for no goal."""

    measured: float
    goal: float | None


def figures(found: Measured) -> Figures:
    """Return this project's figures relative to F, and the megabytes of its archive."""
    counts, warm = found.counts[OURS.name], found.warm[OURS.name]
    f_counts, f_warm = found.counts[F.name], found.warm[F.name]
    names = (*map(start, FIRST_CALLS), *OURS.calls)
    return {
        **{name: counts[name] / f_counts[name] for name in names},
        **{_CPU + name: ratio(warm.cpu[name], f_warm.cpu[name]) for name in OURS.calls},
        _MEMORY: warm.rss / f_warm.rss,
        _ARCHIVE: found.assets[OURS.name].zipped / 1e6,
    }


def read() -> Mapping[str, Committed]:
    """Return the committed figures."""
    content: dict[str, dict[str, float]] = json.loads(FILE.read_text())
    return {name: Committed(one["measured"], one.get("goal")) for name, one in content.items()}


def write(measured: Figures) -> None:
    """Replace the committed figures, and keep the goals."""
    goals = {name: {"goal": one.goal} for name, one in read().items() if one.goal is not None}
    content = {
        name: {**goals.get(name, {}), "measured": round(measured[name], 4)} for name in measured
    }
    FILE.write_text(json.dumps(content, indent=2) + "\n")


def faults(measured: Figures, committed: Mapping[str, Committed]) -> Iterator[str]:
    """Describe each figure that no longer meets its goal or has become worse, and what to do.

    A goal that the committed figure doesn't meet either is no fault: unmet() names it.
    """
    for name, value in measured.items():
        before, goal = committed[name]
        if goal is not None and before <= goal < value:
            yield f"{name}: {value:.3f}, over the goal of {goal:.2f}. Make it faster or smaller."
        tolerance = _CPU_TOLERANCE if name.startswith(_CPU) else _TOLERANCE
        if value > before * (1 + tolerance):
            yield (
                f"{name}: {value:.3f}, {value / before - 1:+.1%} of the committed {before:.3f}. "
                "Make it faster or smaller again, or run ./scripts/benchmark and commit "
                "benchmarks/ratios.json with the reason."
            )


def unmet(committed: Mapping[str, Committed]) -> Iterator[str]:
    """Describe each goal that the committed figures don't meet yet."""
    for name, (measured, goal) in committed.items():
        if goal is not None and measured > goal:
            yield f"{name} {measured:.3f}, goal {goal:.2f}"
