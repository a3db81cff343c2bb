"""What a release's code wrote, and what the API returns for it.

Times, entity tags and expiries are replaced by fixed ones of the same form, so that the same code
always writes the same. Those of another form are not replaced, and so make a difference.
"""

import hashlib
import json
import re
import time
from itertools import batched
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.compatibility.function import Document, Function, Response
from tests.compatibility.population import REQUESTS, Request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

type Item = dict[str, Any]

_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_ETAG: Final = '"[0-9a-f]{24}"'
_EXPIRY: Final = r'("expires_at": \{"N": ")\d{10}"'
_IN_2100: Final = "4102444800"
_SHORT: Final = r'\{\s+("[A-Z]+": (?:"(?:[^"\\]|\\.)*"|\{\}))\s+\}'


class Known(NamedTuple):
    """A user as the API returns it: the ETag header and the document."""

    etag: str
    document: Document

    def only(self, members: frozenset[str]) -> "Known":
        """Return the user with only these members."""
        return Known(self.etag, {n: v for n, v in self.document.items() if n in members})


class Remembered(NamedTuple):
    """A create with an Idempotency-Key, and the user in its response."""

    key: str
    body: Document
    user: Known


class Written(NamedTuple):
    """What the code wrote.

    Attributes:
        items: The table's items, in DynamoDB's JSON.
        users: All users, sorted by username.
        remembered: The creates that have idempotency records.
    """

    items: list[Item]
    users: list[Known]
    remembered: list[Remembered]

    @property
    def members(self) -> frozenset[str]:
        """The names of all users' members."""
        return frozenset().union(*(user.document for user in self.users))

    def text(self) -> str:
        """Return it as readable JSON, with one attribute or member a line."""
        document = {
            "items": self.items,
            "users": [user._asdict() for user in self.users],
            "remembered": [{**r._asdict(), "user": r.user._asdict()} for r in self.remembered],
        }
        lines = json.dumps(document, ensure_ascii=False, indent=1)
        return re.sub(_SHORT, r"{\1}", lines) + "\n"


def read(text: str) -> Written:
    """Parse what Written.text() returned."""
    document = json.loads(text)
    return Written(
        document["items"],
        [Known(**user) for user in document["users"]],
        [Remembered(**{**r, "user": Known(**r["user"])}) for r in document["remembered"]],
    )


def write(function: Function, client: "DynamoDBClient", table_name: str) -> Written:
    """Send all requests to the function, whose table is empty, and return what it wrote."""
    remembered: list[Remembered] = []
    etags: list[str] = []
    for request in REQUESTS:
        response = _succeed(function, request)
        etags.append(response.headers.get("etag", ""))
        if request.key:
            assert request.body
            remembered.append(Remembered(request.key, request.body, known(response)))
        time.sleep(0.002)  # so that no two users have the same times
    pages = client.get_paginator("scan").paginate(TableName=table_name)
    found = [item for page in pages for item in page["Items"]]
    items: list[Item] = json.loads(json.dumps(found, sort_keys=True))
    items.sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    names = sorted(item["sk"]["S"] for item in items if item["pk"]["S"].startswith("user#"))
    users = [known(function("GET", f"/users/{name}")) for name in names]
    return _with_fixed_values(Written(items, users, remembered), etags)


def put(items: list[Item], client: "DynamoDBClient", table_name: str) -> None:
    """Put items into a table."""
    for some in batched(items, 25, strict=False):  # the most that a request may have
        request: Any = {table_name: [{"PutRequest": {"Item": item}} for item in some]}
        assert not client.batch_write_item(RequestItems=request)["UnprocessedItems"]


def known(response: Response) -> Known:
    """Return the user in a response."""
    return Known(response.headers["etag"], response.body)


def _succeed(function: Function, request: Request) -> Response:
    response = function(request.method, request.path, request.body, request.headers)
    if response.status not in {200, 201, 204}:
        raise RuntimeError(f"{request} failed with {response.status}: {response.body}")
    return response


def _with_fixed_values(written: Written, etags: list[str]) -> Written:
    text = written.text()
    for number, etag in enumerate(etags):
        if re.fullmatch(_ETAG, etag):
            fixed = hashlib.sha256(f"ETag {number}".encode()).hexdigest()
            text = text.replace(etag.strip('"'), fixed[: len(etag) - 2])
    for number, moment in enumerate(sorted(set(re.findall(_TIME, text)))):
        text = text.replace(moment, f"2026-01-01T12:{number // 60:02}:{number % 60:02}.719Z")
    return read(re.sub(_EXPIRY, rf'\g<1>{_IN_2100}"', text))
