"""What a load gave, and its tables in docs/benchmarks.md."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.load.caller import MIX, USERS
from benchmarks.load.memory import (
    CLOUD_BYTES_A_REQUEST,
    PARTS,
    WORKER_BYTES_A_REQUEST,
    WORKERS_SHARE,
    Growth,
)


class Request(NamedTuple):
    """at: when it began, in epoch seconds; status: 0 if there was no response in time."""

    at: float
    name: str
    status: int
    milliseconds: float


class Outcome(NamedTuple):
    """What a run gave.

    Attributes:
        callers: How many there were.
        began: In epoch seconds, when all callers had their users.
        ended: In epoch seconds.
        requests: All between.
        acknowledged: How many creates, patches and deletes.
        faults: A sentence for each response that was wrong.
        growth: Of memory.
    """

    callers: int
    began: float
    ended: float
    requests: Sequence[Request]
    acknowledged: Mapping[str, int]
    faults: Sequence[str]
    growth: Growth

    def requests_between(self) -> int:
        """Count requests from the middle of the run's second part to the middle of its last."""
        part = (self.ended - self.began) / PARTS
        return sum(self.began + 1.5 * part <= r.at < self.ended - part / 2 for r in self.requests)

    def text(self) -> str:
        """Return the tables in Markdown."""
        seconds = self.ended - self.began
        made = len(self.requests)
        done = self.acknowledged
        lines = [
            f"{self.callers} callers made {made:,} requests in {seconds / 60:.1f} minutes, "
            f"**{made / seconds:.0f} a second**. {done['create']:,} creates, {done['patch']:,} "
            f"patches and {done['delete']:,} deletes were acknowledged, including the first "
            f"{self.callers * USERS:,} creates. Faults: {len(self.faults)}.",
            "",
            "| call | requests | p50 ms | p99 ms | responses by status |",
            "| --- | ---: | ---: | ---: | --- |",
            *(_row(name, [r for r in self.requests if r.name == name]) for name in MIX),
            "",
            "| resident MB, mean of a tenth of the run | second | last | bytes a request | limit |",
            "| --- | ---: | ---: | ---: | --- |",
            *self._memory(),
            "",
        ]
        return "\n".join(lines)

    def _memory(self) -> Iterator[str]:
        requests = max(1, self.requests_between())
        for what, (before, after), limit in (
            (
                f"{self.growth.lasting} workers of the function",
                self.growth.workers,
                f"{WORKERS_SHARE:.0%} and {WORKER_BYTES_A_REQUEST} bytes a request",
            ),
            ("the emulator", self.growth.cloud, f"{CLOUD_BYTES_A_REQUEST:,} bytes a request"),
        ):
            each = (after - before) * 1e6 / requests
            yield f"| {what} | {before:.0f} | {after:.0f} | {each:,.0f} | {limit} |"


def _row(name: str, requests: Sequence[Request]) -> str:
    times = sorted(request.milliseconds for request in requests)
    statuses = Counter(request.status or "none" for request in requests)
    shown = ", ".join(f"{status}: {count:,}" for status, count in statuses.most_common())
    return (
        f"| {name} | {len(requests):,} | {_percentile(times, 0.5):.0f} "
        f"| {_percentile(times, 0.99):.0f} | {shown} |"
    )


def _percentile(times: Sequence[float], share: float) -> float:
    return times[math.ceil(share * len(times)) - 1] if times else math.nan
