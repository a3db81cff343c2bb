import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import marks
from benchmarks.runtime import report
from benchmarks.runtime.__main__ import verdict
from benchmarks.runtime.goals import goals
from benchmarks.runtime.instructions import require_valgrind, total
from benchmarks.runtime.memory import Sizes
from benchmarks.runtime.subjects import FLOOR, OURS, SUBJECTS, Asset
from benchmarks.runtime.times import Times
from tooling.progress import Failure

MILLION = 1e6


@pytest.fixture
def measured() -> report.Report:
    counts, times = {}, {}
    for number, subject in enumerate(SUBJECTS, 1):
        phases = {"init": 100 * MILLION, "first": 20 * MILLION}
        calls = dict.fromkeys(subject.calls, number * MILLION)
        counts[subject.name] = {**phases, **calls}
        times[subject.name] = Times(
            init=[300.0, 100.0, 200.0],
            init_cpu=[90.0],
            first=[50.0],
            first_cpu=[10.0],
            warm={call: [1.0] * 98 + [5.0, 9.0] for call in subject.calls},
            cpu=dict.fromkeys(subject.calls, 1.5),
            rss=50.0 * number,
        )
    asset = Asset(Path(), 9_000_000, 20_000_000, {"botocore": 19_000_000, "own": 1_000_000})
    assets = {subject.name: asset for subject in SUBJECTS}
    return report.Report(SUBJECTS, assets, counts, times, Sizes(40.0, 40.4))


def test_each_subject_has_a_row_in_each_table(measured: report.Report) -> None:
    lines = report.tables(measured).splitlines()
    for subject in SUBJECTS:
        assert len([line for line in lines if line.startswith(f"| {subject.title} |")]) == 4
    assert f"| {FLOOR.title} | 100 | 20 | 120 | 2.00 | 2.00 | 2.00 | 2.00 |" in lines
    assert f"| {OURS.title} | 1.00 | 0.50 | 0.50 | 0.50 | 0.50 | 0.50 |" in lines
    times = "1.0 / 5.0 | 1.0 / 5.0 | 1.0 / 5.0 | 1.0 / 5.0 | 100, 1.50, 1.50 | 50 |"
    assert f"| {OURS.title} | 200 | 50 | {times}" in lines
    assert f"| {OURS.title} | 9.0 | 20.0 | botocore 19.0, own 1.0, others 0.0 |" in lines


def test_what_a_subject_does_not_have_is_not_a_figure(measured: report.Report) -> None:
    [row] = [
        line
        for line in report.tables(measured).splitlines()
        if line.startswith("| the reference's shape | 100 |")
    ]
    assert row.endswith("| - |")


def test_goals_are_ratios_of_one_run(measured: report.Report) -> None:
    found = {
        goal.what: goal
        for goal in goals(measured.counts, measured.times, measured.assets, measured.sizes)
    }
    assert (found["init + first: of F"].figure, found["init + first: of F"].is_met) == (1, False)
    assert (found["warm get: of F"].figure, found["warm get: of F"].is_met) == (0.5, True)
    assert found["memory: of F's"].is_met
    assert found["memory after 20,000 requests: of that after 2,000"].figure == 1.01
    assert not found["the archive, in MB"].is_met


def test_without_the_best_peer_none_is_called_the_best(measured: report.Report) -> None:
    def named(counts: Mapping[str, Mapping[str, float]]) -> set[str]:
        return {g.what for g in goals(counts, measured.times, measured.assets, None)}

    best = "warm get, stretch: of the best peer"
    few = {name: measured.counts[name] for name in (OURS.name, FLOOR.name, "ordinary")}
    assert best in named(measured.counts)
    assert best not in named(few)
    assert "warm get: of the best peer that uses botocore" in named(few)


def test_only_what_is_between_the_marks_is_written(
    measured: report.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "picture.svg"
    monkeypatch.setattr(marks, "PAGE", page)
    monkeypatch.setattr(report, "PICTURE", picture)
    monkeypatch.setattr(report, "_conditions", lambda: "conditions\n")
    page.write_text(f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n")
    report.write(measured)
    text = page.read_text()
    assert text.startswith(f"above\n{report.BEGIN}\nconditions\n")
    assert text.endswith(f"{report.END}\nbelow\n")
    assert "old" not in text
    svg = ET.fromstring(picture.read_text())  # noqa: S314 our own
    titles = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert titles.count(OURS.title) == 3


def test_a_dump_says_its_total() -> None:
    assert total("events: Ir\nfn=(1)\n12 100\n\ntotals: 1206631877\n") == 1_206_631_877


def test_without_valgrind_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Failure, match="apt-get install valgrind"):
        require_valgrind()


def test_a_function_that_keeps_something_of_each_request_has_grown() -> None:
    assert not Sizes(40.0, 40.7).has_grown
    assert Sizes(40.0, 40.9).has_grown


@pytest.mark.parametrize("is_slower", [False, True])
@pytest.mark.parametrize("has_grown", [False, True])
def test_a_check_says_both_and_fails_for_either(*, is_slower: bool, has_grown: bool) -> None:
    committed = {"init": 0.8, "get": 0.9, "create": 1.0}
    measured = {**committed, "get": 1.8} if is_slower else committed
    sizes = Sizes(40.0, 50.0 if has_grown else 40.0)
    (speed, memory), is_worse = verdict(measured, committed, sizes)
    assert speed.startswith("Slower" if is_slower else "Not slower")
    assert memory.startswith("Its memory grows: 40.0" if has_grown else "Its memory stays: 40.0")
    assert is_worse is (is_slower or has_grown)
