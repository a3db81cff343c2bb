"""Times and memory: what a person waits for, and what the machine does meanwhile.

The subjects take turns, so that whatever else the machine does hits all of them alike.
"""

import math
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.runtime.calls import MEASURED
from benchmarks.runtime.correctness import check
from benchmarks.runtime.function import Function, Place, running
from benchmarks.runtime.workbench import Prepared, told
from tooling.progress import say

REQUESTS: Final = 2_000
_TURN: Final = 25
_COLD_CALL: Final = "get"


@dataclass
class Times:
    """Of one subject. Lists have one figure for each start, or for each request; milliseconds.

    cpu: by call, of one request, as the mean. rss: megabytes after all requests.
    """

    init: list[float] = field(default_factory=list)
    init_cpu: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    warm: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    rss: float = 0

    def percentile(self, call: str, share: float) -> float:
        """Of the call's wall times."""
        ordered = sorted(self.warm[call])
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]

    def cold_cpu(self) -> float:
        """Of init and first request, as the median."""
        return statistics.median(
            init + first for init, first in zip(self.init_cpu, self.first_cpu, strict=True)
        )


def measure(
    where: Place, prepared: Sequence[Prepared], *, starts: int, requests: int
) -> Mapping[str, Times]:
    """By the subject's name. requests: of all calls together, to each subject at least."""
    times = {one.subject.name: Times() for one in prepared}
    for number in range(starts):
        for one in prepared:
            _start(where, one, times[one.subject.name])
        say(f"  cold starts: {number + 1} of {starts}")
    with ExitStack() as stack:
        functions: list[tuple[Prepared, Function]] = []
        for one in prepared:
            stack.enter_context(told(one.subject))
            start = running(where, one.asset.root, one.recording, table=one.subject.name)
            functions.append((one, stack.enter_context(start)))
        done = 0
        while done < requests:
            for one, function in functions:
                _turn(function, one, times[one.subject.name], requests, done)
            done += _TURN
            if not done % (4 * _TURN):
                say(f"  warm requests to each: {done:,} of {requests:,}")
        for one, function in functions:
            times[one.subject.name].rss = resident(function.pid)
    return times


def _start(where: Place, one: Prepared, times: Times) -> None:
    with (
        told(one.subject),
        running(where, one.asset.root, one.recording, table=one.subject.name) as function,
    ):
        times.init.append(function.init_seconds * 1000)
        after_init = _cpu_ms(function.pid)
        times.init_cpu.append(after_init)
        result = function.invoke(MEASURED[_COLD_CALL])
        check(result, one.subject.title)
        times.first.append(result.seconds * 1000)
        times.first_cpu.append(_cpu_ms(function.pid) - after_init)


def _turn(function: Function, one: Prepared, times: Times, requests: int, done: int) -> None:
    """A few requests of the call whose turn it is: each call has its share of all."""
    calls = one.subject.calls
    name = calls[done // _TURN % len(calls)]
    # What a function makes on first use is none of a warm request's.
    if not times.warm[name]:
        check(function.invoke(MEASURED[name]), one.subject.title)
    before = _cpu_ms(function.pid)
    for _ in range(min(_TURN, requests - done)):
        result = function.invoke(MEASURED[name])
        check(result, one.subject.title)
        times.warm[name].append(result.seconds * 1000)
    spent = _cpu_ms(function.pid) - before
    turns = math.ceil(len(times.warm[name]) / _TURN)
    times.cpu[name] += (spent / _TURN - times.cpu[name]) / turns


def _cpu_ms(pid: int) -> float:
    """What all of a process's threads have used: its clock, as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e6


def resident(pid: int) -> float:
    """A process's memory, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024
