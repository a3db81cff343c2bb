"""The figures of docs/benchmarks.md, and what ./scripts/benchmark --check concludes."""

import json
import tomllib
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.runtime import ratios, report
from benchmarks.runtime.instructions import FIRST_CALLS, start, total
from benchmarks.runtime.memory import Sizes
from benchmarks.runtime.ratios import Committed, Measured
from benchmarks.runtime.subjects import COOKBOOK, FOLDER, OURS, SUBJECTS, USUAL, Asset, F
from benchmarks.runtime.times import Warm, ratio
from tooling.install import ROOT
from tooling.progress import Failure

MILLION = 1e6


@pytest.fixture
def measured() -> Measured:
    counts, warm = {}, {}
    for number, subject in enumerate((*SUBJECTS, *USUAL.values()), 1):
        starts = {start(first): 120 * number * MILLION for first in FIRST_CALLS}
        calls = dict.fromkeys(subject.calls, number * MILLION)
        counts[subject.name] = {"init": 100 * MILLION, **starts, **calls}
        cpu = {call: [float(number), 2.0 * number, 9.0 * number] for call in subject.calls}
        warm[subject.name] = Warm(cpu, 50.0 * number)
    asset = Asset(Path(), 9_000_000, 20_000_000)
    return Measured(counts, warm, dict.fromkeys(counts, asset))


def test_the_tables(measured: Measured) -> None:
    lines = report.tables(measured, dict.fromkeys(measured.counts, 200.0)).splitlines()
    first = "| 100 | 120 (0.33) | 120 (0.33) | 120 (0.33) | 200 | - | - |"
    assert f"| {OURS.title} |  {first}" in lines
    usual = "| 600 (1.67) | 600 (1.67) | 600 (1.67) | 200 | 1,080 (3.00) | 200 |"
    assert f"| {COOKBOOK.title} | EKPV | 100 {usual}" in lines
    warm = "| 1.00 (0.33) | 1.00 (0.33) | 1.00 (0.33) | 1.00 (0.33) |"
    assert f"| {OURS.title} |  {warm}" in lines
    cpu = "| 6.00 (1.00) | 6.00 (1.00) | 6.00 (1.00) | 6.00 (1.00) |"
    assert f"| {F.title} | {F.lacks} {cpu}" in lines
    assert f"| {OURS.title} |  | 50 (0.33) | 9.0 | 20.0 |" in lines
    [row] = [line for line in lines if line.startswith("| the reference's shape | EKLPV | 6.00")]
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


def test_figures_are_relative_to_f(measured: Measured) -> None:
    figures = ratios.figures(measured)
    assert [*figures] == [*ratios.read()]
    *relative, archive = figures.values()
    assert relative == [pytest.approx(1 / 3)] * len(relative)
    assert archive == 9


def test_a_noisy_turn_does_not_change_a_ratio() -> None:
    assert ratio([1.0, 1.0, 9.0, 1.0, 2.0], [2.0, 2.0, 2.0, 2.0, 4.0]) == 0.5


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("get", 0.412, None),
        ("get", 0.413, "+3.2% of the committed 0.400. Make it faster or smaller again, or"),
        ("get", 0.2, None),
        ("processor time: get", 0.439, None),
        ("processor time: get", 0.441, "+10.3% of the committed 0.400"),
        ("page", 0.401, "page: 0.401, over the goal of 0.40. Make it faster or smaller."),
    ],
)
def test_a_missed_goal_and_a_worse_figure_are_faults(
    name: str, value: float, said: str | None
) -> None:
    committed = {"get": Committed(0.4, None), "page": Committed(0.4, 0.4)}
    committed["processor time: get"] = Committed(0.4, None)
    found = list(ratios.faults({**dict.fromkeys(committed, 0.4), name: value}, committed))
    assert len(found) == bool(said)
    assert all(fault.startswith(f"{name}: ") and said and said in fault for fault in found)


def test_a_goal_that_was_never_met_is_named_and_no_fault() -> None:
    committed = {"page": Committed(0.9, 0.8), "get": Committed(0.4, 0.4)}
    assert list(ratios.faults({"page": 0.91, "get": 0.4}, committed)) == []
    assert list(ratios.unmet(committed)) == ["page 0.900, goal 0.80"]


def test_goals_stay_when_figures_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ratios.json"
    monkeypatch.setattr(ratios, "FILE", file)
    file.write_text(json.dumps({"get": {"goal": 0.4, "measured": 0.3}, "page": {"measured": 1}}))
    ratios.write({"get": 0.25, "page": 0.9})
    assert ratios.read() == {"get": Committed(0.25, 0.4), "page": Committed(0.9, None)}


def test_memory_that_grows_is_a_fault() -> None:
    assert list(Sizes(40.0, 40.7).faults()) == []
    [fault] = Sizes(40.0, 40.9).faults()
    assert fault.startswith("Its memory grows: 40.0 MB after 2,000 requests")


def test_peers_have_the_versions_that_this_project_has() -> None:
    def locked(folder: Path) -> set[tuple[str, str]]:
        packages = tomllib.loads((folder / "uv.lock").read_text())["package"]
        shared = {"aws-lambda-powertools", "botocore"}
        return {(one["name"], one["version"]) for one in packages if one["name"] in shared}

    assert len(locked(FOLDER)) == 2
    assert locked(FOLDER) <= locked(ROOT)  # the local cloud has another botocore
