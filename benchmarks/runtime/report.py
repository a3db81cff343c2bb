"""The tables of docs/benchmarks.md about this project's function and its peers."""

import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks import page
from benchmarks.runtime.calls import PAGE_SIZE
from benchmarks.runtime.memory import Sizes
from benchmarks.runtime.subjects import FLOOR, OURS, Asset, Subject, versions
from benchmarks.runtime.times import REQUESTS, Times

_CALLS: Final = {"get": "get", "create": "create", "patch": "patch", "list": f"page of {PAGE_SIZE}"}
_SHOWN_PARTS: Final = 5  # of an asset; the smaller ones are added up


class Report(NamedTuple):
    """What was measured, by the subject's name; sizes: this project's."""

    subjects: Sequence[Subject]
    assets: Mapping[str, Asset]
    counts: Mapping[str, Mapping[str, float]]
    times: Mapping[str, Times]
    sizes: Sizes


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


def tables(report: Report) -> str:
    """Return the tables in Markdown."""
    start = ["init", "first", "init + first"]
    return "\n".join(
        [
            "### Instructions, in millions",
            "",
            *_table(report, [*start, *_CALLS.values()], _instructions),
            "",
            "### Instructions and memory relative to F",
            "",
            *_table(report, ["init + first", *_CALLS.values(), "memory"], _ratios),
            "",
            "### Milliseconds and memory",
            "",
            "Wall times: the median of starts; p50 / p99 of warm calls. CPU: the median of starts, "
            f"the mean of warm calls. Memory: resident MB after {REQUESTS:,} requests.",
            "",
            *_table(
                report,
                ["init", "first", *_CALLS.values(), "CPU: start, get, create", "memory"],
                _milliseconds,
            ),
            "",
            f"Memory of {OURS.title}: {report.sizes}.",
            "",
            "### The assets, in MB",
            "",
            *_table(report, ["zipped", "unzipped", "of which"], _sizes),
            "",
        ]
    )


def _table(
    report: Report, columns: Sequence[str], row: Callable[[Report, str], Iterator[str]]
) -> Iterator[str]:
    yield f"| | {' | '.join(columns)} |"
    yield "| --- |" + " --- |" * len(columns)
    for subject in report.subjects:
        # Bytecode changes a start, not what is in the asset.
        if row is not _sizes or subject.is_compiled:
            yield f"| {subject.title} | {' | '.join(row(report, subject.name))} |"


def _instructions(report: Report, name: str) -> Iterator[str]:
    counts = report.counts[name]
    yield f"{counts['init'] / 1e6:,.0f}"
    yield f"{counts['first'] / 1e6:,.0f}"
    yield f"{(counts['init'] + counts['first']) / 1e6:,.0f}"
    for call in _CALLS:
        yield f"{counts[call] / 1e6:.2f}" if call in counts else "-"


def _ratios(report: Report, name: str) -> Iterator[str]:
    counts, floor = report.counts[name], report.counts[FLOOR.name]
    yield f"{(counts['init'] + counts['first']) / (floor['init'] + floor['first']):.2f}"
    for call in _CALLS:
        yield f"{counts[call] / floor[call]:.2f}" if call in counts else "-"
    yield f"{report.times[name].rss / report.times[FLOOR.name].rss:.2f}"


def _milliseconds(report: Report, name: str) -> Iterator[str]:
    times = report.times[name]
    yield f"{statistics.median(times.init):.0f}"
    yield f"{statistics.median(times.first):.0f}"
    for call in _CALLS:
        if call in times.warm:
            yield f"{times.percentile(call, 0.5):.1f} / {times.percentile(call, 0.99):.1f}"
        else:
            yield "-"
    start = statistics.median(times.start_cpu)
    yield f"{start:.0f}, {times.cpu['get']:.2f}, {times.cpu['create']:.2f}"
    yield f"{times.rss:.0f}"


def _sizes(report: Report, name: str) -> Iterator[str]:
    asset = report.assets[name]
    yield f"{asset.zipped / 1e6:.1f}"
    yield f"{asset.unzipped / 1e6:.1f}"
    parts = sorted(asset.parts.items(), key=lambda part: -part[1])
    shown = [f"{part} {size / 1e6:.1f}" for part, size in parts[:_SHOWN_PARTS]]
    rest = sum(size for _, size in parts[_SHOWN_PARTS:])
    yield ", ".join([*shown, f"others {rest / 1e6:.1f}"])
