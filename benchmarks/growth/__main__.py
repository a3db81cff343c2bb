"""./scripts/growth: what each call asks of DynamoDB, in AWS's own engine on this machine, with
1,000, 10,000 and 100,000 users.

Writes docs/growth.md. Fails when a call takes longer or costs more with more users, when the units
that the engine says aren't those of DynamoDB's rules, or when a walk, while users come and go,
doesn't see each who was there throughout exactly once. Takes some five minutes.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Final

from backend.users.dynamodb import items
from benchmarks.growth import calls, hot, lists
from benchmarks.growth.population import COUNTS, user, username
from benchmarks.growth.units import prices, size
from tests.dynamodb_local import started_engine
from tooling.install import ROOT
from tooling.progress import Failure, explain, say

_PAGE: Final = ROOT / "docs" / "growth.md"
_SHARDS: Final = (1, 4, 8, 16, 32)


def main() -> None:
    """Measure everything and write the page."""
    argparse.ArgumentParser(prog="./scripts/growth", description=__doc__).parse_args()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with started_engine() as endpoint:
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
            measured = calls.measure()
            pages = [row for count in COUNTS for row in lists.pages(count)]
            walks = [lists.walk(n, status) for n in COUNTS[1:] for status in (None, "active")]
            shards = [lists.shards(number) for number in _SHARDS]
        _PAGE.write_text(_text(measured, pages, walks, shards))
    except Failure as failure:
        explain(failure)
        raise SystemExit(1) from failure
    say(f"\n{_PAGE.relative_to(ROOT)} is written.")


def _text(
    measured: Sequence[calls.Measured], pages: list[str], walks: list[str], shards: list[str]
) -> str:
    by_call = {call.name: call.units for call in measured}
    price = prices()
    costs = "\n".join(
        f"| {name} | {units.reads:g} | {units.writes:g} | {units.indexed:g} "
        f"| {units.dollars(price):.3f} |"
        for name, units in by_call.items()
    )
    spread = {name: units for name, units in by_call.items() if name != calls.FIRST_PAGE}
    names = " | ".join(spread)
    counts = " | ".join(f"ms with {count:,}" for count in COUNTS)
    bytes_of_user = size(items.user_item(user(username(0))))
    return f"""\
# With ever more users

Written by `./scripts/growth`, in DynamoDB Local: {calls.PAGE} users a page, each user
{bytes_of_user} bytes. How long something takes here says nothing of AWS; that it takes as long
with more users does, and so do requests, units, and the processor's time of the function's code.

## Each call

The median of {calls.ROUNDS} calls on users drawn at random, in turns with the others. The command
fails when one, with {COUNTS[-1]:,} users, asks for more units than with {COUNTS[0]:,}, or takes
more than {calls.FLAT:g} times as long, by the clock or of the processor's time of the function's
code. The clock isn't held against a page anywhere: DynamoDB Local needs longer the more items are
before it in a partition key, also for a single query; of AWS's that can't be measured here.

| call | requests | {counts} | last to first | the same of processor time |
| --- | --- | {" | ".join(["---:"] * len(COUNTS))} | ---: | ---: |
{chr(10).join(calls.rows(measured))}

The same calls in request units, by [DynamoDB's
rules](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html):
1 for each 4 KB that is read with strong consistency, by each query; 2 for each KB of each item of
a transaction; 1 for each entry of the index. Dollars are *r* · *read* + *w* · *write*, the
index's included, with the example's prices in [operations.md](operations.md#what-it-costs), which
has what else a request costs.

| call | read units | write units | of the index | dollars a million |
| --- | ---: | ---: | ---: | ---: |
{costs}

DynamoDB Local said the same in every size of table. Of a transaction it says too much (8 units
where 3 small items cost 6), so a create's and a patch's items are written again one by one, where
it is right, and doubled; that AWS doubles is its documentation's word.

## What throttles first

A partition gives 3,000 read and 1,000 write units a second, and holds 10 GB. By that, for users
below 1 KB, and however many there are:

| call | what is hot | a second | does adaptive capacity, which isolates and splits, help? |
| --- | --- | ---: | --- |
{chr(10).join(hot.hot_keys())}

Calls whose keys are spread are limited by the number of partitions: at least those that the users
need, and the four of a new table. DynamoDB adds more when traffic grows; it is ready for twice
the highest peak so far, and throttles what outgrows that within 30 minutes. Calls a second,
before that:

| users | GB of the table | partitions, at least | {names} |
| ---: | ---: | ---: | {" | ".join(["---:"] * len(spread))} |
{chr(10).join(hot.spread(spread))}

Production's record in `constants.py` stops earlier, on purpose: `throttle` and `list_throttle` at
the gateway, `max_read_units` and `max_write_units` at the table, by the units of each call above.

## A page

Each query of the index is read with eventual consistency: at least half a unit on AWS, also where
it finds nothing, for which DynamoDB Local counts none.

| users | which | page | users on it | units | requests |
| ---: | --- | --- | ---: | ---: | --- |
{chr(10).join(pages)}

## A walk beside writers

| users | which | beside it | there throughout and seen once | pages | requests a page | seconds |
| ---: | --- | --- | ---: | ---: | ---: | ---: |
{chr(10).join(walks)}

## The number of partition keys

A page of 10,000 users, in the mean of {lists.REPEATS} pages (units, requests) or their median
(times).

| partition keys | requests | units | ms of processor time | ms |
| ---: | ---: | ---: | ---: | ---: |
{chr(10).join(shards)}
"""


if __name__ == "__main__":
    main()
