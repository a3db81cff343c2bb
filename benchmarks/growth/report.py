"""Writes the measured tables of docs/growth.md."""

import os
from collections.abc import Iterable, Sequence

from benchmarks import page
from benchmarks.growth import calls, lists
from benchmarks.growth.population import COUNTS
from benchmarks.project import started_engine


def measure() -> None:
    """Measure everything in AWS's own engine on this machine, and write the page.

    Raises:
        Failure: A call takes longer or costs more with more users, or a walk missed one.
    """
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with started_engine() as endpoint:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
        measured = calls.measure()
        pages = [row for count in COUNTS for row in lists.pages(count)]
        walks = [lists.walk(count, status) for count in COUNTS[1:] for status in (None, "active")]
    where = f"{page.conditions(page.commit())}.\n\n"
    times = _table(
        [
            *("call", "requests", *(f"ms with {count:,}" for count in COUNTS)),
            *("last to first", "the same of processor time"),
        ],
        (call.row() for call in measured),
    )
    units = _table(
        ["call", "read units", "write units", "of the index", "dollars a million"],
        (call.cost() for call in measured),
    )
    page.write(page.GROWTH, "calls", where + times)
    page.write(page.GROWTH, "units", units)
    page.write(
        page.GROWTH,
        "pages",
        _table(["users", "which", "page", "users on it", "units", "requests"], pages),
    )
    columns = ["users", "which", "beside it", "there throughout and seen once"]
    columns += ["pages", "requests a page", "seconds"]
    page.write(page.GROWTH, "walks", _table(columns, walks))


def _table(columns: Sequence[str], rows: Iterable[str]) -> str:
    return "\n".join([f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns), *rows, ""])
