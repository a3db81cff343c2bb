"""Whether this project's function has become slower, in instructions relative to the floor's.

benchmarks/ratios.json holds the committed ratios; ./scripts/benchmark writes them.
"""

import json
from collections.abc import Mapping
from typing import Final

from benchmarks.runtime.subjects import FOLDER

_FILE: Final = FOLDER / "ratios.json"
PHASES: Final = ("init", "get", "create")
_TOLERANCE: Final = 0.03

type Ratios = Mapping[str, float]


def ratios(ours: Mapping[str, float], floor: Mapping[str, float]) -> Ratios:
    """Return ours to the floor's, of each phase."""
    return {phase: round(ours[phase] / floor[phase], 4) for phase in PHASES}


def read() -> Ratios:
    """Return the committed ratios."""
    content: Ratios = json.loads(_FILE.read_text())
    return content


def write(measured: Ratios) -> None:
    """Replace the committed ratios."""
    _FILE.write_text(json.dumps(measured, indent=2) + "\n")


def compared(measured: Ratios, committed: Ratios) -> tuple[str, bool]:
    """Describe how each ratio changed, and return whether one is worse than is tolerated."""
    parts, is_worse = [], False
    for phase in PHASES:
        change = measured[phase] / committed[phase] - 1
        parts.append(f"{phase} {measured[phase]:.3f} F, {change:+.1%} of {committed[phase]:.3f}")
        is_worse |= change > _TOLERANCE
    return "; ".join(parts), is_worse
