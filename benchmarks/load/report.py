"""What came out: printed, or written into docs/benchmarks.md between two marks."""

import datetime
import math
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.load import chart
from benchmarks.load.caller import MIX, USERS
from benchmarks.load.memory import (
    CLOUD_BYTES_A_REQUEST,
    PARTS,
    WORKER_BYTES_A_REQUEST,
    WORKERS_SHARE,
    Growth,
    Sample,
)
from benchmarks.marks import PAGE, processor, put_between
from tooling.install import ROOT
from tooling.progress import say

_PICTURE: Final = ROOT / "docs" / "load.svg"
_BEGIN: Final = "<!-- ./scripts/load writes from here -->"
_END: Final = "<!-- ./scripts/load writes to here -->"
_MB: Final = 1_000_000


class Request(NamedTuple):
    """at: when it began, in epoch seconds; status: 0 when there was no answer in time."""

    at: float
    name: str
    status: int
    milliseconds: float


class Outcome(NamedTuple):
    """What a run gave.

    commit: what was checked out when it began; busy: the machine's load average of a quarter of an
    hour before; began, ended: epoch seconds; acknowledged: how many
    creates, patches and deletes.
    """

    commit: str
    busy: float
    callers: int
    began: float
    ended: float
    requests: Sequence[Request]
    acknowledged: Mapping[str, int]
    faults: Sequence[str]
    samples: Sequence[Sample]
    growth: Growth

    def requests_between(self) -> int:
        """Requests from the middle of the second part of the run to that of the last."""
        part = (self.ended - self.began) / PARTS
        return sum(self.began + 1.5 * part <= r.at < self.ended - part / 2 for r in self.requests)


def write(outcome: Outcome) -> None:
    """Into the page and its picture. Raises Failure when the page has lost its marks."""
    today = datetime.datetime.now(datetime.UTC).date()
    conditions = (
        f"Measured on {today} at commit {outcome.commit}, on {processor()}, {os.cpu_count()} of "
        f"its cores, which the load itself shares (load average before: {outcome.busy:.1f}), "
        f"{platform.system()} {platform.release().split('-')[0]}.\n\n"
        f"![requests a second and resident memory over time]({_PICTURE.name})\n"
    )
    put_between(_BEGIN, _END, f"{conditions}\n{text(outcome)}")
    _PICTURE.write_text(
        chart.picture(
            [(r.at - outcome.began) for r in outcome.requests],
            [s._replace(at=s.at - outcome.began) for s in outcome.samples],
            outcome.ended - outcome.began,
        )
    )
    say(f"{PAGE.relative_to(ROOT)} and {_PICTURE.relative_to(ROOT)} are written.")


def text(outcome: Outcome) -> str:
    """Markdown."""
    seconds = outcome.ended - outcome.began
    made = len(outcome.requests)
    done = outcome.acknowledged
    lines = [
        f"{outcome.callers} callers made {made:,} requests in {seconds / 60:.1f} minutes, "
        f"**{made / seconds:.0f} a second**, each its next one as soon as it had an answer. "
        f"{done['create']:,} creates, {done['patch']:,} patches and {done['delete']:,} deletes "
        f"were acknowledged, the first {outcome.callers * USERS} creates included; "
        f"{len(outcome.faults) or 'no'} answers were wrong or lost something.",
        "",
        "| call | requests | p50 ms | p99 ms | answers by status |",
        "| --- | ---: | ---: | ---: | --- |",
        *(_row(name, [r for r in outcome.requests if r.name == name]) for name in MIX),
        "",
        "| resident memory, MB, mean of the run's tenth | second | last | at most |",
        "| --- | ---: | ---: | --- |",
        *_memory(outcome),
        "",
    ]
    return "\n".join(lines)


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


def _memory(outcome: Outcome) -> list[str]:
    requests = outcome.requests_between()
    workers = outcome.growth.workers
    return [
        _growth(
            f"{len(workers)} workers of the function",
            outcome.growth.together(),
            requests,
            f"+ {WORKERS_SHARE:.0%}, and {WORKER_BYTES_A_REQUEST} bytes a request",
        ),
        _growth(
            "the emulator",
            outcome.growth.cloud,
            requests,
            f"{CLOUD_BYTES_A_REQUEST:,} bytes a request",
        ),
    ]


def _growth(what: str, sizes: tuple[float, float], requests: int, limit: str) -> str:
    before, after = sizes
    each = (after - before) / max(1, requests)
    return (
        f"| {what}: {each:,.0f} bytes a request | {before / _MB:.0f} | {after / _MB:.0f} "
        f"| {limit} |"
    )
