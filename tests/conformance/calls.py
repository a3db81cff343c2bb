"""The API's calls over HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx

# What the state machine calls, by method and path as the document has them.
LIST: Final = "GET /users"
LIST_HEADERS: Final = "HEAD /users"
CREATE: Final = "POST /users"
READ: Final = "GET /users/{username}"
READ_HEADERS: Final = "HEAD /users/{username}"
REPLACE: Final = "PUT /users/{username}"
CHANGE: Final = "PATCH /users/{username}"
DELETE: Final = "DELETE /users/{username}"


@dataclass(frozen=True)
class Reply:
    """A response, as far as the contract describes it."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """Parse the body.

        Raises:
            ValueError: The body isn't JSON.
        """
        return json.loads(self.text)


@dataclass(frozen=True)
class Call:
    """A call about one user.

    Attributes:
        operation: The method and the path, such as CREATE.
        username: The username in the path, if that has one.
        body: The JSON body; None for no body.
        key: The value of Idempotency-Key.
        if_match: The value of If-Match.
        if_none_match: The value of If-None-Match.
        is_escaped: Whether the path escapes all characters that it may.
        media_type: The value of Content-Type.
    """

    operation: str
    username: str = ""
    body: dict[str, Any] | None = None
    key: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    is_escaped: bool = False
    media_type: str = "application/json"

    @property
    def method(self) -> str:
        """The method."""
        return self.operation.split()[0]

    def send(self, client: httpx.Client) -> Reply:
        """Send the call to the deployed API."""
        headers = {
            "Content-Type": None if self.body is None else self.media_type,
            "Idempotency-Key": self.key,
            "If-Match": self.if_match,
            "If-None-Match": self.if_none_match,
        }
        username = quote(self.username, safe="" if self.is_escaped else "@+")
        return _send(
            client,
            self.operation.replace("{username}", username),
            content=None if self.body is None else json.dumps(self.body),
            headers={name: value for name, value in headers.items() if value is not None},
        )


@dataclass(frozen=True)
class ListCall:
    """A call that lists a page of users. The values are those of the query's parameters.

    Attributes:
        bad: Further parameters for which the API must refuse the call.
    """

    operation: str = LIST
    limit: str | None = None
    cursor: str | None = None
    username_prefix: str | None = None
    status: str | None = None
    email: str | None = None
    bad: str | None = None

    def send(self, client: httpx.Client) -> Reply:
        """Send the call to the deployed API."""
        query = urlencode(self._parameters())
        query = "&".join(filter(None, [query, self.bad]))
        return _send(client, self.operation + (query and "?" + query))

    @classmethod
    def of_link(cls, link: str) -> "ListCall | None":
        """Return the call that a Link to the next page leads to; None if the Link is wrong."""
        target, separator, rest = link.partition(">")
        parts = urlsplit(target.removeprefix("<"))
        if not separator or rest != '; rel="next"' or (parts[:3]) != ("", "", "/users"):
            return None
        pairs = parse_qsl(parts.query, strict_parsing=True)
        found = dict(pairs)
        names = {"limit", "cursor", "username_prefix", "status", "email"}
        if len(found) < len(pairs) or not names >= set(found):
            return None
        return cls(**found).normalized()

    def next(self, cursor: str) -> "ListCall":
        """Return the call of the next page."""
        return replace(self, operation=LIST, cursor=cursor).normalized()

    def normalized(self) -> "ListCall":
        """Return a call that is equal for all calls that ask for the same."""
        return replace(
            self,
            limit=self.limit or "25",
            username_prefix=self.username_prefix and self.username_prefix.lower(),
            email=self.email and self.email.lower(),
        )

    @property
    def method(self) -> str:
        """The method."""
        return self.operation.split()[0]

    @property
    def is_bad(self) -> bool:
        """Whether the API must refuse the call, whatever the cursor."""
        return self.bad is not None

    def filters(self) -> dict[str, str]:
        """Return the filters, which a cursor belongs to."""
        same = self.normalized()
        found = {
            "username_prefix": same.username_prefix,
            "status": same.status,
            "email": same.email,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _parameters(self) -> dict[str, str]:
        found = {
            "limit": self.limit,
            "cursor": self.cursor,
            "username_prefix": self.username_prefix,
            "status": self.status,
            "email": self.email,
        }
        return {name: value for name, value in found.items() if value is not None}


def _send(client: httpx.Client, call: str, **more: Any) -> Reply:
    response = client.request(*call.split(" ", 1), **more)
    return Reply(response.status_code, response.headers, response.text)
