"""One of the callers that make the load: it alone changes its users, so it knows what each is.

Its ledger holds what was acknowledged; a response that doesn't agree with it is a fault. A request
that gets 429, 503 or no response is repeated as the contract has it: a create with its
Idempotency-Key, a change with its If-Match, so that the repeat shows whether the first took effect.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple

USERS: Final = 30  # of a caller; more than a page has
PAGE: Final = 25
# Of 100 requests; docs/operations.md has the same mix.
MIX: Final = {"get": 70, "list": 10, "patch": 10, "create": 5, "delete": 5}
FILL, VERIFY = "fill", "verify"  # what isn't of the mix is counted as these
NO_RESPONSE: Final = 0

_BUSY: Final = (NO_RESPONSE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_TRIES: Final = 20


class Call(NamedTuple):
    """A request. name: what it is counted as."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class Response(NamedTuple):
    """status: NO_RESPONSE if there was none in time; headers: with names in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Fault(Exception):
    """A response is wrong."""


class Caller:
    """Makes one request after the other.

    Args:
        name: What its users' names begin with.
        send: Makes a request, and returns the response.
        report: Is told each fault, as a sentence.
        pause: Waits for some seconds.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[Call], Response],
        report: Callable[[str], None],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = name
        self._send = send
        self._report = report
        self._pause = pause
        self._random = random.Random(name)  # noqa: S311 it keeps no secret
        self._number = 0
        self._ledger: dict[str, tuple[dict[str, Any], str]] = {}  # the user and its ETag
        self._gone: list[str] = []
        self._unknown: set[str] = set()  # had a fault, which is reported once
        self.acknowledged = dict.fromkeys(("create", "patch", "delete"), 0)

    def fill(self) -> None:
        """Create the users that there are at the beginning."""
        for _ in range(USERS):
            self._guarded(partial(self._create, FILL))

    def act(self) -> None:
        """Make a request of the mix."""
        calls: dict[str, Callable[[], object]] = {
            "get": lambda: self._read(self._any(), "get"),
            "list": self._list,
            "patch": lambda: self._patch(self._any()),
            # Each creates or deletes in turn: as many users at the end as at the beginning.
            "create": self._come_or_go,
            "delete": self._come_or_go,
        }
        (name,) = self._random.choices(list(MIX), list(MIX.values()))
        self._guarded(calls[name])

    def verify(self) -> None:
        """Read what must be there, and what must not."""
        for username in list(self._ledger):
            self._guarded(partial(self._read, username, VERIFY))
            self._guarded(partial(self._find_email, username))
        for username in self._gone:
            call = Call(VERIFY, "GET", f"/users/{username}")
            self._guarded(partial(self._settled, call, HTTPStatus.NOT_FOUND))

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Fault as fault:
            self._report(str(fault))

    def _any(self) -> str:
        return self._random.choice(list(self._ledger)) if self._ledger else self._create("create")

    def _come_or_go(self) -> None:
        if len(self._ledger) < USERS:
            self._create("create")
        else:
            self._delete(self._any())

    def _create(self, counted_as: str) -> str:
        self._number += 1
        username = f"{self._name}-{self._number:06}"
        sent = {"username": username, "email": f"{username}@example.com", "given_name": "Jane"}
        headers = {"Content-Type": "application/json", "Idempotency-Key": username}
        call = Call(counted_as, "POST", "/users", headers, json.dumps(sent).encode())
        response = self._settled(call, HTTPStatus.CREATED, username)
        user = json.loads(response.body)
        if sent.items() - user.items() or user["version"] != 1:
            self._forget(username)
            raise Fault(f"{username} was created as something else: {user}.")
        self._ledger[username] = user, response.headers["etag"]
        self.acknowledged["create"] += 1
        return username

    def _read(self, username: str, counted_as: str) -> None:
        call = Call(counted_as, "GET", f"/users/{username}")
        response = self._settled(call, HTTPStatus.OK, username)
        found = json.loads(response.body)
        if (found, response.headers.get("etag")) != self._ledger[username]:
            self._forget(username)
            raise Fault(f"{username} is not what was acknowledged last: {found}.")

    def _patch(self, username: str) -> None:
        user, etag = self._ledger[username]
        self._number += 1
        wanted = {"display_name": f"Jane {self._number}"}
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": etag}
        path = f"/users/{username}"
        call = Call("patch", "PATCH", path, headers, json.dumps(wanted).encode())
        # Nobody else changes it: if a repeat gets 412, the first try took effect, or the read that
        # follows finds a fault.
        response = self._settled(
            call, HTTPStatus.OK, username, repeated=HTTPStatus.PRECONDITION_FAILED
        )
        if response.status != HTTPStatus.OK:
            response = self._settled(Call(VERIFY, "GET", path), HTTPStatus.OK, username)
        after = json.loads(response.body)
        expected = {**user, **wanted, "version": user["version"] + 1}
        if after != {**expected, "updated_at": after["updated_at"]}:
            self._forget(username)
            raise Fault(f"{username} was changed to something else: {after}.")
        self._ledger[username] = after, response.headers["etag"]
        self.acknowledged["patch"] += 1

    def _delete(self, username: str) -> None:
        _, etag = self._ledger.pop(username)
        call = Call("delete", "DELETE", f"/users/{username}", {"If-Match": etag})
        self._settled(call, HTTPStatus.NO_CONTENT, username, repeated=HTTPStatus.NOT_FOUND)
        self._gone.append(username)
        self.acknowledged["delete"] += 1

    def _list(self) -> None:
        query = f"?limit={PAGE}&username_prefix={self._name}-"
        self._listed(Call("list", "GET", f"/users{query}"), sorted(self._ledger)[:PAGE])

    def _find_email(self, username: str) -> None:
        query = f"?email={username}@example.com"
        expected = [username] if username in self._ledger else []  # or its read was a fault
        self._listed(Call(VERIFY, "GET", f"/users{query}"), expected)

    def _listed(self, call: Call, expected: list[str]) -> None:
        response = self._settled(call, HTTPStatus.OK)
        page = json.loads(response.body)["users"]
        found = {user["username"]: user for user in page if user["username"] not in self._unknown}
        if self._unknown:  # some of them may have been on the page in place of others
            expected = expected[: len(found)]
        if list(found) != expected:
            wrong = sorted(found.keys() ^ set(expected))
            raise Fault(f"{call.path}: {wrong} are there and should not be, or the other way.")
        wrong = [name for name, user in found.items() if user != self._ledger[name][0]]
        for name in wrong:
            self._forget(name)
        if wrong:
            raise Fault(f"{call.path}: {wrong} are not what was acknowledged last.")

    def _forget(self, username: str | None) -> None:
        """Expect nothing of a user any more."""
        if username:
            self._ledger.pop(username, None)
            self._unknown.add(username)

    def _settled(
        self,
        call: Call,
        expected: HTTPStatus,
        username: str | None = None,
        *,
        repeated: HTTPStatus | None = None,
    ) -> Response:
        """Make a request until there is a response.

        Args:
            call: The request.
            expected: The status that it must get.
            username: Whom it is about.
            repeated: What it may get instead, if an earlier try may have taken effect.

        Raises:
            Fault: It got another status.
        """
        is_doubtful = False
        for _ in range(_TRIES):
            response = self._send(call)
            if response.status not in _BUSY:
                break
            is_doubtful |= response.status != HTTPStatus.TOO_MANY_REQUESTS
            self._pause(float(response.headers.get("retry-after", 1)))
        else:
            raise Fault(f"{call.method} {call.path} got no response in {_TRIES} tries.")
        if response.status != expected and not (is_doubtful and response.status == repeated):
            self._forget(username)
            said = response.body[:200].decode(errors="replace")
            raise Fault(f"{call.method} {call.path}: {response.status}, not {expected}. {said}")
        return response
