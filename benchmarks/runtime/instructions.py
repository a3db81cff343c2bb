"""Instructions that a function's process executes, counted by valgrind's callgrind.

They repeat within 1 %, whatever else the machine does.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from benchmarks.runtime.function import Function, Place, Prepared, running
from tooling.progress import Failure, say

# Between the function's request for an event and its wait for it.
_SETTLING_SECONDS: Final = 0.1
_REQUESTS: Final = 25  # counted of each call
# A start ends with one of these.
FIRST_CALLS: Final = ("get", "create", "page")

type Counts = Mapping[str, float]


def start(first: str) -> str:
    """Return what counts call a cold start that ends with the response to a call."""
    return f"init + first {first}"


def require_valgrind() -> None:
    """Raise Failure, with how to get it, if valgrind is missing."""
    if shutil.which("valgrind") is None:
        raise Failure(
            "valgrind is missing, which counts instructions: install it (Debian, Ubuntu: "
            "apt-get install valgrind; Fedora: dnf install valgrind) and start again."
        )


def count(place: Place, ready: Sequence[Prepared]) -> Mapping[str, Counts]:
    """Return each subject's instructions of init, of starts, and of a warm call of each kind.

    Raises:
        Failure: A call failed, or valgrind did.
    """
    counts: dict[str, dict[str, float]] = {one.subject.name: {} for one in ready}
    # Counts don't depend on what else runs, so as many run at once as there are processors.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {
            pool.submit(_counted, place, one, first): one.subject
            for one in ready
            for first in FIRST_CALLS
            if first in one.subject.calls
        }
        for done, job in enumerate(as_completed(jobs), 1):
            counts[jobs[job].name] |= job.result()
            say(f"  {jobs[job].name}: instructions counted, {done} of {len(jobs)}")
    return counts


def total(dump: str) -> int:
    """Return the instructions that a dump of callgrind's holds."""
    [found] = re.findall(r"^totals: (\d+)$", dump, re.MULTILINE)
    return int(found)


def _counted(place: Place, one: Prepared, first: str) -> Counts:
    # A short name, because it is a pipe's, too.
    with tempfile.TemporaryDirectory(prefix="vgdb-") as name:
        profile, pipes = Path(name) / "callgrind.out", f"--vgdb-prefix={name}/v"
        wrapper = ["valgrind", "--tool=callgrind", "--quiet", pipes]
        wrapper += [f"--callgrind-out-file={profile}"]
        dumps = 0
        with running(place, one, wrapper=wrapper) as function:

            def take() -> int:
                """Return the instructions since the last time, or since the start."""
                nonlocal dumps
                time.sleep(_SETTLING_SECONDS)
                dumps += 1
                command = ["vgdb", pipes, f"--pid={function.pid}", "dump"]
                done = subprocess.run(command, check=False, capture_output=True, text=True)
                dump = profile.with_name(f"{profile.name}.{dumps}")
                if done.returncode or not dump.exists():
                    raise Failure("valgrind did not write its count.", done.stdout + done.stderr)
                return total(dump.read_text())

            init = take()
            function.measured(first)
            counts = {start(first): float(init + take())}
            # The others are counted in the process that starts with the first of FIRST_CALLS.
            if first == FIRST_CALLS[0]:
                counts |= {"init": float(init), **_warm(function, take, one.subject.calls)}
            return counts


def _warm(function: Function, take: Callable[[], int], names: Sequence[str]) -> Counts:
    counts = {}
    for name in names:
        # What is made on first use, such as a list's connections, is no warm call's.
        for _ in range(_REQUESTS):
            function.measured(name)
        take()
        for _ in range(_REQUESTS):
            function.measured(name)
        counts[name] = take() / _REQUESTS
    return counts
