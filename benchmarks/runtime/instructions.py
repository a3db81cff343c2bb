"""Instructions that a function's process executes, counted by valgrind's callgrind.

They repeat within 1 %, whatever else the machine does.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.runtime.calls import MEASURED
from benchmarks.runtime.correctness import check
from benchmarks.runtime.function import Function
from tooling.progress import Failure

# Between the function's wish for an event and its wait for it.
_SETTLING_SECONDS: Final = 0.1
INIT_TIMEOUT: Final = 600


def require_valgrind() -> None:
    """Raises Failure, with how to get it, when it's missing."""
    if shutil.which("valgrind") is None:
        raise Failure(
            "valgrind is missing, which counts instructions: install it (Debian, Ubuntu: "
            "apt-get install valgrind; Fedora: dnf install valgrind) and start again."
        )


class Callgrind:
    """Counts in a process that was started with `wrapper`."""

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "callgrind.out"
        # Of its own, and short: the name of a pipe.
        self._pipes = Path(tempfile.mkdtemp(prefix="vgdb-"))
        self._dumps = 0
        self.wrapper: Sequence[str] = (
            "valgrind",
            "--tool=callgrind",
            "--quiet",
            f"--callgrind-out-file={self._profile}",
            f"--vgdb-prefix={self._pipes / 'v'}",
        )

    def take(self, function: Function) -> int:
        """The instructions since the last time, or since the start."""
        time.sleep(_SETTLING_SECONDS)
        self._dumps += 1
        command = ["vgdb", f"--vgdb-prefix={self._pipes / 'v'}", f"--pid={function.pid}", "dump"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        dump = self._profile.with_name(f"{self._profile.name}.{self._dumps}")
        if done.returncode or not dump.exists():
            raise Failure("valgrind did not say its count.", done.stdout + done.stderr)
        return total(dump.read_text())

    def close(self) -> None:
        """Remove what it left elsewhere."""
        shutil.rmtree(self._pipes)


def total(dump: str) -> int:
    """The instructions that a dump of callgrind's has."""
    [found] = re.findall(r"^totals: (\d+)$", dump, re.MULTILINE)
    return int(found)


def count(
    function: Function,
    take: Callable[[Function], int],
    names: Sequence[str],
    requests: int,
    title: str,
) -> dict[str, float]:
    """Instructions of init, of the first request, and of each call once it is warm.

    requests: of each call; as many come before, so that what is made on first use is made: for a
    list also the connections, of which another one costs as much as dozens of requests.
    """
    counts: dict[str, float] = {"init": take(function)}
    check(function.invoke(MEASURED["get"]), title)
    counts["first"] = take(function)
    for name in names:
        for _ in range(requests):
            check(function.invoke(MEASURED[name]), title)
        take(function)
        for _ in range(requests):
            check(function.invoke(MEASURED[name]), title)
        counts[name] = take(function) / requests
    return counts
