"""Whether this project's function keeps its size, however many requests it answers."""

from typing import Final, NamedTuple

from benchmarks.runtime.calls import MEASURED
from benchmarks.runtime.correctness import check
from benchmarks.runtime.function import Place, running
from benchmarks.runtime.times import REQUESTS, resident
from benchmarks.runtime.workbench import Prepared, told
from localcloud.progress import step

LATER: Final = 10 * REQUESTS
# What threads and allocators need by chance; 40 bytes that a request leaves behind are more.
TOLERANCE: Final = 0.02
# Of a hundred requests seventy read, in turns with the others, as in ./scripts/load.
_MIX: Final = ("get", "get", "get", "list", "get", "get", "patch", "get", "get", "create")


class Sizes(NamedTuple):
    """Resident megabytes after REQUESTS requests, and after LATER ones."""

    settled: float
    later: float

    @property
    def has_grown(self) -> bool:
        """By more than what is tolerated."""
        return self.later > self.settled * (1 + TOLERANCE)

    def __str__(self) -> str:
        return (
            f"{self.settled:.1f} MB after {REQUESTS:,} requests, {self.later:.1f} after {LATER:,}"
        )


def measure(where: Place, one: Prepared) -> Sizes:
    """Of a subject that starts for it, with requests of all kinds."""
    sizes = {}
    with (
        step(f"{one.subject.title}: memory, {LATER:,} requests"),
        told(one.subject),
        running(where, one.asset.root, one.recording, table=one.subject.name) as function,
    ):
        for number in range(LATER):
            check(function.invoke(MEASURED[_MIX[number % len(_MIX)]]), one.subject.title)
            if number + 1 in {REQUESTS, LATER}:
                sizes[number + 1] = resident(function.pid)
    return Sizes(sizes[REQUESTS], sizes[LATER])
