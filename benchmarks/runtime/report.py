"""The tables of docs/benchmarks.md about this project's function and its peers."""

import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from benchmarks import page
from benchmarks.runtime.calls import PAGE_SIZE
from benchmarks.runtime.instructions import FIRST_CALLS, start
from benchmarks.runtime.ratios import Measured
from benchmarks.runtime.subjects import LACKS, SUBJECTS, USUAL, F, Subject, versions
from benchmarks.runtime.times import REQUESTS, ratio

type Row = Callable[[Measured, Subject], Iterator[str]]


def conditions() -> str:
    """Return when, on what, and with which versions."""
    valgrind = subprocess.run(
        ["valgrind", "--version"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return (
        f"{page.conditions(page.commit())}, Python {platform.python_version()}, "
        f"{valgrind.stdout.strip()}, {versions()}.\n"
    )


def tables(found: Measured, starts: Mapping[str, float]) -> str:
    """Return the tables in Markdown.

    Args:
        found: What was measured.
        starts: The processor's milliseconds of a start, by the subject's name.
    """
    calls = ["get", "create", "patch", f"page of {PAGE_SIZE}"]
    cold = ["init", *map(start, FIRST_CALLS), "ms", "as usually deployed", "ms"]
    return "\n".join(
        [
            f"In parentheses: relative to F. Lacks: {_legend()}.",
            "",
            "### Cold starts: millions of instructions, and processor time with a first get",
            "",
            *_table(found, cold, partial(_cold, starts)),
            "",
            "### Warm calls: millions of instructions",
            "",
            *_table(found, calls, _instructions),
            "",
            "### Warm calls: milliseconds of processor time, the kernel's part included",
            "",
            *_table(found, calls, _processor),
            "",
            f"### Megabytes: resident after {REQUESTS:,} requests, and the archive",
            "",
            *_table(found, ["memory", "zipped", "unzipped"], _sizes),
            "",
        ]
    )


def _legend() -> str:
    return "; ".join(f"{key}, {meaning}" for key, meaning in LACKS.items())


def _table(found: Measured, columns: Sequence[str], row: Row) -> Iterator[str]:
    yield f"| | lacks | {' | '.join(columns)} |"
    yield "| --- | --- |" + " --- |" * len(columns)
    for one in SUBJECTS:
        yield f"| {one.title} | {one.lacks} | {' | '.join(row(found, one))} |"


def _cold(starts: Mapping[str, float], found: Measured, one: Subject) -> Iterator[str]:
    counts, f = found.counts[one.name], found.counts[F.name]
    yield f"{counts['init'] / 1e6:,.0f}"
    for name in map(start, FIRST_CALLS):
        yield _cell(counts[name], f[name]) if name in counts else "-"
    yield f"{starts[one.name]:.0f}"
    if usual := USUAL.get(one):
        name = start("get")
        yield _cell(found.counts[usual.name][name], f[name])
        yield f"{starts[usual.name]:,.0f}"
    else:
        yield from "--"


def _instructions(found: Measured, one: Subject) -> Iterator[str]:
    counts, f = found.counts[one.name], found.counts[F.name]
    for call in F.calls:
        yield _cell(counts[call], f[call], digits=2) if call in one.calls else "-"


def _processor(found: Measured, one: Subject) -> Iterator[str]:
    cpu, f = found.warm[one.name].cpu, found.warm[F.name].cpu
    for call in F.calls:
        if call in one.calls:
            yield f"{statistics.median(cpu[call]):.2f} ({ratio(cpu[call], f[call]):.2f})"
        else:
            yield "-"


def _sizes(found: Measured, one: Subject) -> Iterator[str]:
    rss, asset = found.warm[one.name].rss, found.assets[one.name]
    yield f"{rss:.0f} ({rss / found.warm[F.name].rss:.2f})"
    yield f"{asset.zipped / 1e6:.1f}"
    yield f"{asset.unzipped / 1e6:.1f}"


def _cell(count: float, of_f: float, *, digits: int = 0) -> str:
    return f"{count / 1e6:,.{digits}f} ({count / of_f:.2f})"
