"""The figures of docs/benchmarks.md, and what ./scripts/benchmark --check concludes."""

import tomllib
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.runtime import ratios, report
from benchmarks.runtime.comparison import verdict
from benchmarks.runtime.instructions import total
from benchmarks.runtime.memory import Sizes
from benchmarks.runtime.subjects import FLOOR, FOLDER, OURS, SUBJECTS, Asset
from benchmarks.runtime.times import Times
from tooling.install import ROOT
from tooling.progress import Failure

MILLION = 1e6
COMMITTED = {"init": 0.8, "get": 0.9, "create": 1.0}
FLAT = Sizes(40.0, 40.7)


def test_the_tables() -> None:
    counts, times = {}, {}
    for number, subject in enumerate(SUBJECTS, 1):
        phases = {"init": 100 * MILLION, "first": 20 * MILLION}
        counts[subject.name] = {**phases, **dict.fromkeys(subject.calls, number * MILLION)}
        times[subject.name] = Times(
            init=[300.0, 100.0, 200.0],
            first=[50.0],
            start_cpu=[100.0],
            warm={call: [1.0] * 98 + [5.0, 9.0] for call in subject.calls},
            cpu=dict.fromkeys(subject.calls, 1.5),
            rss=50.0 * number,
        )
    asset = Asset(Path(), 9_000_000, 20_000_000, {"botocore": 19_000_000, "own": 1_000_000})
    assets = {subject.name: asset for subject in SUBJECTS}
    lines = report.tables(report.Report(SUBJECTS, assets, counts, times, FLAT)).splitlines()
    assert f"| {FLOOR.title} | 100 | 20 | 120 | 2.00 | 2.00 | 2.00 | 2.00 |" in lines
    assert f"| {OURS.title} | 1.00 | 0.50 | 0.50 | 0.50 | 0.50 | 0.50 |" in lines
    warm = "1.0 / 5.0 | 1.0 / 5.0 | 1.0 / 5.0 | 1.0 / 5.0 | 100, 1.50, 1.50 | 50 |"
    assert f"| {OURS.title} | 200 | 50 | {warm}" in lines
    assert f"| {OURS.title} | 9.0 | 20.0 | botocore 19.0, own 1.0, others 0.0 |" in lines
    [row] = [line for line in lines if line.startswith("| the reference's shape | 100 |")]
    assert row.endswith("| - |")  # it has no list


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    with pytest.raises(FileNotFoundError):
        page.write(file, "load", "new\n")
    file.write_text("above\n<!-- load: generated -->\nold\n<!-- load: end -->\nbelow\n")
    page.write(file, "load", "new\n")
    assert file.read_text() == ("above\n<!-- load: generated -->\nnew\n<!-- load: end -->\nbelow\n")
    with pytest.raises(Failure):
        page.write(file, "peers", "new\n")


def test_a_dump_has_its_total() -> None:
    assert total("events: Ir\nfn=(1)\n12 100\n\ntotals: 1206631877\n") == 1_206_631_877


def test_ratios_are_ours_to_the_floors() -> None:
    ours = {"init": 80.0, "first": 7.0, "get": 9.0, "create": 10.0, "list": 1.0}
    floor = {"init": 100.0, "first": 9.0, "get": 10.0, "create": 10.0}
    assert ratios.ratios(ours, floor) == COMMITTED
    assert set(ratios.read()) == set(ratios.PHASES)


@pytest.mark.parametrize("phase", ratios.PHASES)
@pytest.mark.parametrize(("change", "is_worse"), [(0.5, False), (1.029, False), (1.031, True)])
def test_three_percent_more_of_any_is_worse(phase: str, change: float, *, is_worse: bool) -> None:
    measured = {**COMMITTED, phase: COMMITTED[phase] * change}
    (speed, _), found = verdict(measured, COMMITTED, FLAT)
    assert found is is_worse
    assert speed.startswith("Slower" if is_worse else "Not slower")
    assert f"{phase} {measured[phase]:.3f} F, {change - 1:+.1%} of" in speed


def test_memory_that_grows_is_worse() -> None:
    (_, said), is_worse = verdict(COMMITTED, COMMITTED, Sizes(40.0, 40.9))
    assert is_worse
    assert said.startswith("Its memory grows: 40.0 MB after 2,000 requests")
    assert verdict(COMMITTED, COMMITTED, FLAT)[1] is False


def test_peers_have_the_versions_that_this_project_has() -> None:
    def locked(folder: Path) -> set[tuple[str, str]]:
        packages = tomllib.loads((folder / "uv.lock").read_text())["package"]
        shared = {"aws-lambda-powertools", "botocore"}
        return {(one["name"], one["version"]) for one in packages if one["name"] in shared}

    assert len(locked(FOLDER)) == 2
    assert locked(FOLDER) <= locked(ROOT)  # the local cloud has another botocore
