import pytest

from benchmarks.runtime import ratios

COMMITTED = {"init": 0.8, "get": 0.9, "create": 1.0}


def test_they_are_of_what_both_were_counted_at() -> None:
    ours = {"init": 80.0, "first": 7.0, "get": 9.0, "create": 10.0, "list": 1.0}
    floor = {"init": 100.0, "first": 9.0, "get": 10.0, "create": 10.0}
    assert ratios.ratios(ours, floor) == COMMITTED


@pytest.mark.parametrize("phase", ratios.PHASES)
@pytest.mark.parametrize(("change", "is_worse"), [(0.97, False), (1.029, False), (1.031, True)])
def test_three_percent_more_of_any_is_worse(phase: str, change: float, *, is_worse: bool) -> None:
    measured = {**COMMITTED, phase: COMMITTED[phase] * change}
    sentence, found = ratios.compared(measured, COMMITTED)
    assert found is is_worse
    assert (
        f"{phase} {measured[phase]:.3f} F, {change - 1:+.1%} of {COMMITTED[phase]:.3f}" in sentence
    )


def test_better_ones_do_not_make_up_for_a_worse_one() -> None:
    _, is_worse = ratios.compared({"init": 0.1, "get": 0.1, "create": 1.1}, COMMITTED)
    assert is_worse


def test_those_committed_are_complete() -> None:
    assert set(ratios.read()) == set(ratios.PHASES)
