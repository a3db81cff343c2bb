"""Times and memory of functions, with and without the processor's part.

The subjects take turns, so that whatever else the machine does slows all of them alike.
"""

import math
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.runtime.function import Function, Place, Prepared, running
from tooling.progress import say

REQUESTS: Final = 2_000  # to each subject, of all calls together
_STARTS: Final = 10
_TURN: Final = 25


@dataclass
class Times:
    """One subject's times in milliseconds, one for each start or request, and its memory.

    Attributes:
        cpu: The mean of a request, by call.
        rss: Megabytes after all requests.
    """

    init: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    start_cpu: list[float] = field(default_factory=list)
    warm: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    rss: float = 0

    def percentile(self, call: str, share: float) -> float:
        """Return a percentile of the call's wall times."""
        ordered = sorted(self.warm[call])
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def measure(place: Place, ready: Sequence[Prepared]) -> Mapping[str, Times]:
    """Return each subject's times, by its name."""
    times = {one.subject.name: Times() for one in ready}
    for number in range(_STARTS):
        for one in ready:
            with running(place, one) as function:
                _start(function, times[one.subject.name])
        say(f"  cold starts: {number + 1} of {_STARTS}")
    with ExitStack() as stack:
        functions = [(one, stack.enter_context(running(place, one))) for one in ready]
        for done in range(0, REQUESTS, _TURN):
            for one, function in functions:
                # Each call has its share of the requests.
                name = one.subject.calls[done // _TURN % len(one.subject.calls)]
                _turn(function, name, times[one.subject.name])
            if not done % (20 * _TURN):
                say(f"  warm requests to each: {done:,} of {REQUESTS:,}")
        for one, function in functions:
            times[one.subject.name].rss = resident(function.pid)
    return times


def _start(function: Function, times: Times) -> None:
    times.init.append(function.init_seconds * 1000)
    times.first.append(function.measured("get").seconds * 1000)
    times.start_cpu.append(_cpu_ms(function.pid))


def _turn(function: Function, name: str, times: Times) -> None:
    # What a function makes on first use is no warm request's.
    if not times.warm[name]:
        function.measured(name)
    before = _cpu_ms(function.pid)
    for _ in range(_TURN):
        times.warm[name].append(function.measured(name).seconds * 1000)
    spent = _cpu_ms(function.pid) - before
    turns = len(times.warm[name]) // _TURN
    times.cpu[name] += (spent / _TURN - times.cpu[name]) / turns


def _cpu_ms(pid: int) -> float:
    """Return what a process's threads have used: its clock as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e6


def resident(pid: int) -> float:
    """Return a process's resident memory in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024
