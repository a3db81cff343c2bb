"""What a run under load concludes, from memory and from the record of its requests."""

import pytest

from benchmarks.load import measure
from benchmarks.load.memory import Growth, Sample, growth
from benchmarks.load.outcome import Outcome, Request
from tooling.progress import Failure

MB = 1_000_000
SECONDS = 600
FLAT = Growth((100, 110), 1, (60, 61))
LEAK = Growth((100, 110), 1, (60, 70))


def samples(leak: float = 0.0, cloud: float = 0.0) -> list[Sample]:
    """Every 5 s; leak, cloud: MB that each worker, and the emulator, gains in a second."""
    return [
        Sample(
            float(at),
            int((100 + cloud * at) * MB),
            {worker: int((60 + leak * at) * MB) for worker in (1, 2)},
        )
        for at in range(0, SECONDS, 5)
    ]


@pytest.mark.parametrize(
    ("taken", "enough", "too_few", "said"),
    [
        (samples(leak=0.05), 100_000, 80_000, "grew from 129 to 177 MB in 80,000 requests, by mor"),
        (samples(cloud=1), 100_000, 70_000, "cloud grew from 188 to 668 MB in 70,000 requests"),
    ],
)
def test_memory_may_grow_by_so_much_a_request(
    taken: list[Sample], enough: int, too_few: int, said: str
) -> None:
    found = growth(taken, 0, SECONDS)
    assert list(found.faults(enough)) == []
    (fault,) = found.faults(too_few)
    assert said in fault


def test_workers_that_come_and_go_say_nothing() -> None:
    turned = [s._replace(workers={int(s.at): 60 * MB}) for s in samples()]
    (fault,) = growth(turned, 0, SECONDS).faults(100_000)
    assert "No worker of the function lasted" in fault


def outcome(growth: Growth = FLAT, faults: tuple[str, ...] = ()) -> Outcome:
    requests = [
        *(Request(n / 100, "get", 200, float(n % 100)) for n in range(6000)),
        Request(30.0, "patch", 503, 40.0),
        Request(31.0, "patch", 0, 35_000.0),
    ]
    acknowledged = {"create": 480, "patch": 0, "delete": 0}
    return Outcome(16, 0, 60, requests, acknowledged, faults, growth)


def test_the_tables() -> None:
    lines = outcome().text().splitlines()
    assert "**100 a second**" in lines[0]
    assert "| get | 6,000 | 49 | 98 | 200: 6,000 |" in lines
    assert "| patch | 2 | 40 | 35000 | 503: 1, none: 1 |" in lines
    # 4,802 requests from 9 s to 57 s, the middles of the second and the last tenth.
    assert "| 1 workers of the function | 60 | 61 | 208 | 1% and 500 bytes a request |" in lines


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (outcome(faults=("A patch is lost.",)), "A patch is lost."),
        (outcome(growth=LEAK), "workers grew from 60 to 70 MB"),
    ],
)
def test_what_is_wrong_is_a_failure(bad: Outcome, said: str) -> None:
    with pytest.raises(Failure) as raised:
        measure.judge(bad)
    assert said in raised.value.output
    measure.judge(outcome())
