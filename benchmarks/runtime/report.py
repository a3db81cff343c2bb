"""What came out, as tables: printed, or written into docs/benchmarks.md between two marks."""

import datetime
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.marks import commit, processor, put_between, said
from benchmarks.runtime import chart
from benchmarks.runtime.calls import PAGE_SIZE
from benchmarks.runtime.goals import goals
from benchmarks.runtime.memory import Sizes
from benchmarks.runtime.subjects import FLOOR, Asset, Subject, versions
from benchmarks.runtime.times import REQUESTS, Times
from tooling.install import ROOT

PICTURE: Final = ROOT / "docs" / "benchmarks.svg"
BEGIN: Final = "<!-- ./scripts/benchmark writes from here -->"
END: Final = "<!-- to here -->"
_CALLS: Final = {"get": "get", "create": "create", "patch": "patch", "list": f"page of {PAGE_SIZE}"}
# Smaller parts of an asset are summed up.
_SHOWN_PARTS: Final = 5


class Report(NamedTuple):
    """All that was measured; what is by subject is by its name.

    counts: instructions of init, first, and each call. sizes: of this project's, if measured.
    """

    subjects: Sequence[Subject]
    assets: Mapping[str, Asset]
    counts: Mapping[str, Mapping[str, float]]
    times: Mapping[str, Times]
    sizes: Sizes | None


def write(report: Report) -> None:
    """Into the page and its picture. Raises Failure when the page has lost its marks."""
    put_between(BEGIN, END, f"{_conditions()}\n{tables(report)}")
    rows = [(s.title, report.counts[s.name]) for s in report.subjects]
    PICTURE.write_text(chart.picture(rows))


def tables(report: Report) -> str:
    """Markdown."""
    return "\n".join(
        [
            "### Instructions, in millions",
            "",
            *_table(report, ["init", "first", "init + first", *_CALLS.values()], _instructions),
            "",
            "### The same as ratios to F",
            "",
            *_table(report, ["init + first", *_CALLS.values(), "memory"], _ratios),
            "",
            "### Milliseconds, and memory",
            "",
            "Wall times: a start's median; p50 / p99 of warm calls. CPU: the start's median; a "
            f"warm call's mean. Memory: resident, in MB, after {REQUESTS:,} requests.",
            "",
            *_table(
                report,
                ["init", "first", *_CALLS.values(), "CPU: start, get, create", "memory"],
                _milliseconds,
            ),
            "",
            "### The assets, in MB",
            "",
            *_table(report, ["zipped", "unzipped", "of which"], _sizes),
            "",
            "### Goals",
            "",
            "| goal, in instructions unless it says otherwise | at most | is | |",
            "| --- | --- | --- | --- |",
            *(
                f"| {goal.what} | {goal.limit:g} | {goal.figure:.2f} "
                f"| {'met' if goal.is_met else 'not met'} |"
                for goal in goals(report.counts, report.times, report.assets, report.sizes)
            ),
            "",
        ]
    )


def _table(
    report: Report, columns: Sequence[str], row: Callable[[Report, str], Iterator[str]]
) -> Iterator[str]:
    yield f"| | {' | '.join(columns)} |"
    yield "| --- |" + " --- |" * len(columns)
    for subject in report.subjects:
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
    yield f"{times.cold_cpu():.0f}, {times.cpu['get']:.2f}, {times.cpu['create']:.2f}"
    yield f"{times.rss:.0f}"


def _sizes(report: Report, name: str) -> Iterator[str]:
    asset = report.assets[name]
    yield f"{asset.zipped / 1e6:.1f}"
    yield f"{asset.unzipped / 1e6:.1f}"
    parts = sorted(asset.parts.items(), key=lambda part: -part[1])
    shown = [f"{part} {size / 1e6:.1f}" for part, size in parts[:_SHOWN_PARTS]]
    rest = sum(size for _, size in parts[_SHOWN_PARTS:])
    yield ", ".join([*shown, f"others {rest / 1e6:.1f}"])


def _conditions() -> str:
    """When, on what, and with which versions."""
    today = datetime.datetime.now(datetime.UTC).date()
    shown = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"Measured on {today} at commit {commit()}, on {processor()}, {os.cpu_count()} of its "
        f"cores, {platform.system()} {platform.release().split('-')[0]}, with Python "
        f"{platform.python_version()}, {said('valgrind', '--version')}, {shown}.\n\n"
        f"![init, first request and warm calls of each subject]({PICTURE.name})\n"
    )
