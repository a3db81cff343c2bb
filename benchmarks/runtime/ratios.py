"""Whether this project's function has become slower, in instructions for one of the floor's.

The committed ratios are in benchmarks/ratios.json; ./scripts/benchmark writes them.
"""

import json
from collections.abc import Mapping
from typing import Final

from tooling.install import ROOT

_FILE: Final = ROOT / "benchmarks" / "ratios.json"
PHASES: Final = ("init", "get", "create")
_TOLERANCE: Final = 0.03

type Ratios = Mapping[str, float]


def ratios(ours: Mapping[str, float], floor: Mapping[str, float]) -> Ratios:
    """Of what both were counted at."""
    return {phase: round(ours[phase] / floor[phase], 4) for phase in PHASES}


def read() -> Ratios:
    """The committed ones."""
    content: Ratios = json.loads(_FILE.read_text())
    return content


def write(measured: Ratios) -> None:
    """Make them the committed ones, once they are committed."""
    _FILE.write_text(json.dumps(measured, indent=2) + "\n")


def compared(measured: Ratios, committed: Ratios) -> tuple[str, bool]:
    """What has become of each ratio, and whether one is worse than is tolerated."""
    parts, is_worse = [], False
    for phase in PHASES:
        change = measured[phase] / committed[phase] - 1
        parts.append(f"{phase} {measured[phase]:.3f} F, {change:+.1%} of {committed[phase]:.3f}")
        is_worse |= change > _TOLERANCE
    return "; ".join(parts), is_worse
