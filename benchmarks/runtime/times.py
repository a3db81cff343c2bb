"""Processor time, the kernel's part included, and memory of functions.

The subjects take turns, so that whatever else the machine does slows all of them alike.
"""

import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.runtime.function import Place, Prepared, running
from tooling.progress import say

REQUESTS: Final = 2_000  # to each subject, of all calls together
_STARTS: Final = 10
_TURN: Final = 10  # requests


@dataclass
class Warm:
    """What one subject's warm calls need.

    Attributes:
        cpu: By call, the milliseconds of a request in each turn.
        rss: Megabytes after all requests.
    """

    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rss: float = 0


def starts(place: Place, ready: Sequence[Prepared]) -> Mapping[str, float]:
    """Return the median milliseconds of init and a first get, by the subject's name."""
    times = defaultdict(list)
    for number in range(_STARTS):
        for one in ready:
            with running(place, one) as function:
                function.measured("get")
                times[one.subject.name].append(_cpu_ms(function.pid))
        say(f"  cold starts: {number + 1} of {_STARTS}")
    return {name: statistics.median(found) for name, found in times.items()}


def warm(place: Place, ready: Sequence[Prepared]) -> Mapping[str, Warm]:
    """Return what each subject's warm calls need, by its name."""
    found = {one.subject.name: Warm() for one in ready}
    with ExitStack() as stack:
        functions = [(one, stack.enter_context(running(place, one))) for one in ready]
        # What a function makes on first use is no warm request's.
        for one, function in functions:
            for name in one.subject.calls:
                function.measured(name)
        for done in range(0, REQUESTS, _TURN):
            for one, function in functions:
                # Each call has its share of the requests.
                name = one.subject.calls[done // _TURN % len(one.subject.calls)]
                before = _cpu_ms(function.pid)
                for _ in range(_TURN):
                    function.measured(name)
                spent = _cpu_ms(function.pid) - before
                found[one.subject.name].cpu[name].append(spent / _TURN)
            if not done % 500:
                say(f"  warm requests to each: {done:,} of {REQUESTS:,}")
        for one, function in functions:
            found[one.subject.name].rss = resident(function.pid)
    return found


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median, over all turns, of the ratio in one turn."""
    return statistics.median(mine / other for mine, other in zip(ours, others, strict=False))


def _cpu_ms(pid: int) -> float:
    """Return what a process's threads have used: its clock as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e6


def resident(pid: int) -> float:
    """Return a process's resident memory in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024
