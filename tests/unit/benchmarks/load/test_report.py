import pytest

from benchmarks.load import measure, report
from benchmarks.load.memory import Growth, Sample
from tooling.progress import Failure

MB = 1_000_000
FLAT = Growth((100 * MB, 110 * MB), {7: (60 * MB, 61 * MB)})
LEAK = Growth((100 * MB, 110 * MB), {7: (60 * MB, 70 * MB)})


def outcome(growth: Growth = FLAT, faults: tuple[str, ...] = ()) -> report.Outcome:
    requests = [
        *(report.Request(n / 100, "get", 200, float(n % 100)) for n in range(6000)),
        report.Request(30.0, "patch", 503, 40.0),
        report.Request(31.0, "patch", 0, 35_000.0),
    ]
    return report.Outcome(
        commit="abc",
        busy=0.5,
        callers=16,
        began=0,
        ended=60,
        requests=requests,
        acknowledged={"create": 480, "patch": 0, "delete": 0},
        faults=faults,
        samples=[Sample(1.0, 100 * MB, {7: 60 * MB})],
        growth=growth,
    )


def test_text() -> None:
    lines = report.text(outcome()).splitlines()
    assert "**100 a second**" in lines[0]
    assert "no answers were wrong" in lines[0]
    assert "| get | 6,000 | 49 | 98 | 200: 6,000 |" in lines
    assert "| patch | 2 | 40 | 35000 | 503: 1, none: 1 |" in lines
    limit = "+ 1%, and 500 bytes a request"
    assert f"| 1 workers of the function: 208 bytes a request | 60 | 61 | {limit} |" in lines


def test_requests_between_the_middles_of_the_second_and_the_last_part() -> None:
    assert outcome().requests_between() == 4802  # from 9 s to 57 s


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (outcome(faults=("A patch is lost.",)), "A patch is lost."),
        (outcome(growth=LEAK), "workers grew from 60 to 70 MB"),
    ],
)
def test_what_is_wrong_is_said(bad: report.Outcome, said: str) -> None:
    with pytest.raises(Failure) as raised:
        measure.judge(bad)
    assert "Faults: 1 in 6,002 requests." in str(raised.value)
    assert said in raised.value.output


def test_what_is_right_passes(capsys: pytest.CaptureFixture[str]) -> None:
    measure.judge(outcome())
    assert "nothing was lost" in capsys.readouterr().err
