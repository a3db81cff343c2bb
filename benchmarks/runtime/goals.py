"""What this project's function is to reach, as ratios within one run."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.runtime.memory import LATER, TOLERANCE, Sizes
from benchmarks.runtime.subjects import FLOOR, OURS, USUAL, Asset
from benchmarks.runtime.times import REQUESTS, Times

# A Rust client answers the cookbook's shape; the others use botocore.
_WITHOUT_BOTOCORE = ("cookbook",)


class Goal(NamedTuple):
    """A figure that is to be at most `limit`."""

    what: str
    limit: float
    figure: float

    @property
    def is_met(self) -> bool:
        """Whether it is."""
        return self.figure <= self.limit


def goals(
    counts: Mapping[str, Mapping[str, float]],
    times: Mapping[str, Times],
    assets: Mapping[str, Asset],
    sizes: Sizes | None,
) -> Iterator[Goal]:
    """Those about subjects that were measured."""
    cold = {name: phases["init"] + phases["first"] for name, phases in counts.items()}
    for name, title, limit in (
        (FLOOR.name, "F", 0.80),
        (f"cookbook{USUAL}", "the cookbook's shape, as usually deployed", 0.45),
        ("cookbook", "the cookbook's shape", 0.45),
        (f"reference{USUAL}", "the reference's shape, as usually deployed", 0.25),
        (f"fastapi{USUAL}", "FastAPI, as usually deployed", 0.25),
    ):
        if name in cold:
            yield Goal(f"init + first: of {title}", limit, cold[OURS.name] / cold[name])
    peers = [name for name in counts if name not in {OURS.name, FLOOR.name}]
    with_botocore = [name for name in peers if not name.startswith(_WITHOUT_BOTOCORE)]
    for call in ("get", "create"):
        ours = counts[OURS.name][call]
        yield Goal(f"warm {call}: of F", 1, ours / counts[FLOOR.name][call])
        best = min(counts[name][call] for name in with_botocore)
        yield Goal(f"warm {call}: of the best peer that uses botocore", 1, ours / best)
        yield Goal(f"warm {call}, stretch: of F", 0.5, ours / counts[FLOOR.name][call])
        if len(peers) > len(with_botocore):  # else the best is not among them
            best = min(counts[name][call] for name in peers)
            yield Goal(f"warm {call}, stretch: of the best peer", 1, ours / best)
    yield Goal("memory: of F's", 0.9, times[OURS.name].rss / times[FLOOR.name].rss)
    if sizes:
        what = f"memory after {LATER:,} requests: of that after {REQUESTS:,}"
        yield Goal(what, 1 + TOLERANCE, sizes.later / sizes.settled)
    yield Goal("the archive, in MB", 8, assets[OURS.name].zipped / 1e6)
