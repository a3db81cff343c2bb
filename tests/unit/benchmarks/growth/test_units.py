from typing import Any

import pytest

from benchmarks.growth import hot, units
from benchmarks.growth.calls import formulas
from benchmarks.growth.units import Units


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"pk": {"S": "ab"}}, 4),
        ({"é": {"S": "é"}}, 4),
        ({"n": {"N": "1"}}, 3),
        ({"n": {"N": "-12300"}}, 4),
        ({"m": {"M": {"a": {"S": "b"}}}}, 1 + 3 + 1 + 2),
    ],
)
def test_size(item: dict[str, Any], size: int) -> None:
    assert units.size(item) == size


def test_units_are_rounded_up() -> None:
    def of(size: int) -> dict[str, Any]:
        return {"a": {"S": "x" * (size - 1)}}

    assert [units.read([of(n)]) for n in (1, 4096, 4097)] == [1, 1, 2]
    assert units.read([of(3000), of(3000)]) == 2
    assert units.read([]) == 1
    assert [units.transacted([of(n)]) for n in (1, 1024, 1025)] == [2, 2, 4]
    assert units.transacted([of(600), of(600)]) == 4


def test_what_the_calls_cost() -> None:
    by_call = formulas()
    assert [tuple(cost) for cost in by_call.values()] == [
        (1, 0, 0),
        (0, 6, 1),
        (1, 2, 0),
        (8, 0, 0),
        (8, 0, 0),
        (2, 0, 0),
    ]
    rows = list(hot.spread(by_call))
    assert rows[-1].startswith("| 100,000,000 | ")


def test_dollars() -> None:
    assert Units(2, 3, 1).dollars(units.Prices(0.5, 10)) == 41
    assert units.prices().write > units.prices().read > 0
