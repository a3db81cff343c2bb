"""Request units by DynamoDB's rules, and what a million of them cost.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tooling.install import ROOT
from tooling.progress import Failure

_READ_BYTES: Final = 4096
_WRITE_BYTES: Final = 1024
_TRANSACTION: Final = 2
_PRICES: Final = ROOT / "docs" / "operations.md"


class Units(NamedTuple):
    """Of a call; indexed: write units of the index, which the table's don't hold."""

    reads: float
    writes: float = 0
    indexed: float = 0

    def dollars(self, prices: "Prices") -> float:
        """Of a million such calls."""
        return self.reads * prices.read + (self.writes + self.indexed) * prices.write


class Prices(NamedTuple):
    """Of a million units, in dollars."""

    read: float
    write: float


def size(item: Mapping[str, Any]) -> int:
    """Bytes of an item, as they are counted."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = content.lstrip("-").replace(".", "").strip("0")
            return math.ceil(len(digits) / 2) + 1
        case "M":
            return 3 + len(content) + size(content)
    raise ValueError(f"{kind} is not among the types that items have here")


def read(items: Sequence[Mapping[str, Any]]) -> int:
    """Units of one strongly consistent get or query that reads the items."""
    return max(1, math.ceil(sum(size(item) for item in items) / _READ_BYTES))


def written(item: Mapping[str, Any]) -> int:
    """Units of one write of the item that is in no transaction."""
    return math.ceil(size(item) / _WRITE_BYTES)


def transacted(items: Sequence[Mapping[str, Any]]) -> int:
    """Units of one transaction that writes the items."""
    return _TRANSACTION * sum(written(item) for item in items)


def prices() -> Prices:
    """Those of the example in docs/operations.md. Raises Failure when it has none."""
    text = _PRICES.read_text()
    found = [
        re.search(rf"million {name} units \| (\d+\.\d+) a million", text) for name in Prices._fields
    ]
    if not all(found):
        raise Failure(f"{_PRICES.relative_to(ROOT)} must name the price of read and write units.")
    return Prices(*(float(price[1]) for price in found if price))
