"""./scripts/timings: how long a developer waits, measured in a clean clone of the last commit.

Writes docs/timings.md. Takes some ten minutes, and needs the network, as a clean clone does.
"""

import datetime
import os
import platform
import re
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

import httpx

from benchmarks.marks import commit
from localcloud import emulator
from tooling import git
from tooling.install import ROOT
from tooling.progress import say, step

_PAGE: Final = ROOT / "docs" / "timings.md"


class Row(NamedTuple):
    """What was measured: its goal in seconds if it has one, each run, where the last one's went."""

    name: str
    goal: int | None
    seconds: list[float]
    parts: str


def main() -> None:
    """Measure everything and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        git.own(ROOT, "clone", "--quiet", str(ROOT), str(clone))
        rows = list(_measure(clone))
    _PAGE.write_text(_page(rows))
    say(f"Written: {_PAGE.relative_to(ROOT)}")


def _measure(clone: Path) -> Iterator[Row]:
    port = emulator.free_port()
    first = "`./scripts/sandbox` in a clean clone, to the first answer"
    yield _starts(clone, port, 1, first, None)
    yield _starts(clone, port, 3, "`./scripts/sandbox --fresh`", 15, "--fresh")
    yield _starts(clone, port, 3, "`./scripts/sandbox`", 15)
    with _serving(clone, port) as (_, output):
        headers = _with_token(clone)
        yield _row(
            5,
            "an edit of a message, to the changed answer",
            2,
            lambda run: _message(clone, port, headers, run),
        )
        yield _row(
            3,
            "an edit of the infrastructure, to live",
            None,
            lambda run: _memory(clone, output, run),
        )
    git.own(clone, "checkout", "--quiet", "backend")  # the edits
    for runs, command, goal in (
        (3, "./scripts/cdk synth --quiet", 4),
        (3, ".venv/bin/pytest tests/unit", 5),
        (3, "./scripts/test --quick", None),
        (1, "./scripts/test", 300),
    ):
        yield _row(runs, f"`{command}`", goal, lambda _: _run(clone, command))  # noqa: B023 runs now


def _row(runs: int, name: str, goal: int | None, run: Callable[[int], str]) -> Row:
    seconds = []
    for number in range(runs):
        with step(name):
            started = time.monotonic()
            parts = run(number)
            seconds.append(time.monotonic() - started)
    return Row(name, goal, seconds, parts)


def _starts(clone: Path, port: int, runs: int, name: str, goal: int | None, *options: str) -> Row:
    seconds = []
    for _ in range(runs):
        with step(name):
            started = time.monotonic()
            with _serving(clone, port, *options) as (said, _):
                seconds.append(time.monotonic() - started)
    steps = re.findall(r"^  (.+) \.\.\. ([\d.]+) s$", said, re.MULTILINE)
    return Row(name, goal, seconds, ", ".join(f"{part} {figure}" for part, figure in steps))


@contextmanager
def _serving(clone: Path, port: int, *options: str) -> Iterator[tuple[str, IO[str]]]:
    """A sandbox that has answered; yields what it said until then, and what it goes on to say."""
    command = ["./scripts/sandbox", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=clone, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr  # noqa: S101
        said = ""
        while "Ctrl-C stops it" not in said:
            line = process.stderr.readline()
            said += line
            if not line:
                raise RuntimeError(f"The sandbox did not start:\n{said}")
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).raise_for_status()
            yield said, process.stderr
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()


def _with_token(clone: Path) -> dict[str, str]:
    token = subprocess.run(
        ["./scripts/token"], check=True, cwd=clone, capture_output=True, text=True
    ).stdout
    return {"Authorization": f"Bearer {token.strip()}"}


def _message(clone: Path, port: int, headers: dict[str, str], run: int) -> str:
    errors = clone / "backend/api/runtime/errors.py"
    was, now = "username." + "!" * run, "username." + "!" * (run + 1)
    errors.write_text(
        errors.read_text().replace(f"no user with this {was}", f"no user with this {now}")
    )
    url = f"http://127.0.0.1:{port}/users/nobody"
    while now not in httpx.get(url, headers=headers, trust_env=False).text:
        time.sleep(0.02)
    return "notice, build, upload, start of the new version"


def _memory(clone: Path, output: IO[str], run: int) -> str:
    infrastructure = clone / "backend/api/infrastructure.py"
    text = infrastructure.read_text()
    infrastructure.write_text(re.sub(r"(_MEMORY_MB: Final =) \d+", rf"\1 {1025 + run}", text))
    while "(cdk deploy)" not in output.readline():
        pass
    return "`cdk synth`, `cdk deploy`"


def _run(clone: Path, command: str) -> str:
    done = subprocess.run(  # noqa: S602 the commands above
        command, shell=True, cwd=clone, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    # scripts/test prints each step before it, and its seconds after it.
    steps = re.findall(r"^=== (.+)$", done.stdout, re.MULTILINE)
    parts = zip(steps[::2], steps[1::2], strict=True)
    return ", ".join(f"`{part}` {seconds.removesuffix(' s')}" for part, seconds in parts)


def _page(rows: list[Row]) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores"
    lines = [
        "# How long a developer waits",
        "",
        f"Seconds, measured by `./scripts/timings` at commit {commit()} on {today}: {machine}.",
        "",
        "| what | goal | median | slowest | runs | where the time goes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.name} | {row.goal or ''} | {statistics.median(row.seconds):.1f} "
        f"| {max(row.seconds):.1f} | {len(row.seconds)} | {row.parts} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
