"""One of the callers that make the load: it alone changes its users, so it knows what each is.

Its ledger holds what was acknowledged. An answer that doesn't agree with it is a fault; so is one
that the contract doesn't name, or that only a mistake of the caller's would explain. What was
answered with 429 or 503, or not at all, is repeated as the contract has it: a create with its
Idempotency-Key, a change with its If-Match, so that a repeat shows whether the first took effect.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from benchmarks.load.contract import NO_ANSWER, Answer, Call, Contract

USERS: Final = 30  # of a caller; more than a page has
PAGE: Final = 25
# Of 100 requests; docs/operations.md has the same mix.
MIX: Final = {"get": 70, "list": 10, "patch": 10, "create": 5, "delete": 5}
FILL, VERIFY = "fill", "verify"  # what isn't of the mix is counted as these

_BUSY: Final = (NO_ANSWER, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_TRIES: Final = 20
_ONE: Final = "/users/{username}"


class Fault(Exception):
    """An answer that is wrong."""


class Caller:
    """Makes one request after the other.

    send: makes the request, and gives the answer. report: is told each fault, as a sentence.
    """

    def __init__(
        self,
        name: str,
        contract: Contract,
        send: Callable[[Call], Answer],
        report: Callable[[str], None],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = name
        self._contract = contract
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
            # Half of what comes and goes, each: as many users at the end as at the beginning.
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
            self._guarded(partial(self._miss, username))

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
        call = Call(counted_as, "POST", "/users", "/users", headers, json.dumps(sent).encode())
        answer, _ = self._settled(call)
        self._expect(call, answer, HTTPStatus.CREATED, username)
        user = self._user(answer)
        if sent.items() - user.items() or user["version"] != 1:
            self._forget(username)
            raise Fault(f"{username} was created as something else: {user}.")
        self._ledger[username] = user, answer.headers["etag"]
        self.acknowledged["create"] += 1
        return username

    def _read(self, username: str, counted_as: str) -> None:
        call = Call(counted_as, "GET", _ONE, f"/users/{username}")
        answer, _ = self._settled(call)
        user, etag = self._ledger[username]
        self._expect(call, answer, HTTPStatus.OK, username)
        if (self._user(answer), answer.headers.get("etag")) != (user, etag):
            self._forget(username)
            raise Fault(f"{username} is not what was acknowledged last: {self._user(answer)}.")

    def _patch(self, username: str) -> None:
        user, etag = self._ledger[username]
        self._number += 1
        wanted = {"display_name": f"Jane {self._number}"}
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": etag}
        path = f"/users/{username}"
        call = Call("patch", "PATCH", _ONE, path, headers, json.dumps(wanted).encode())
        answer, is_doubtful = self._settled(call)
        if is_doubtful and answer.status == HTTPStatus.PRECONDITION_FAILED:
            # Nobody else changes it: the first try took effect, or the next check finds a fault.
            answer, _ = self._settled(Call(VERIFY, "GET", _ONE, path))
        self._expect(call, answer, HTTPStatus.OK, username)
        after = self._user(answer)
        expected = {**user, **wanted, "version": user["version"] + 1}
        if after != {**expected, "updated_at": after["updated_at"]}:
            self._forget(username)
            raise Fault(f"{username} was changed to something else: {after}.")
        self._ledger[username] = after, answer.headers["etag"]
        self.acknowledged["patch"] += 1

    def _delete(self, username: str) -> None:
        _, etag = self._ledger.pop(username)
        call = Call("delete", "DELETE", _ONE, f"/users/{username}", {"If-Match": etag})
        answer, is_doubtful = self._settled(call)
        if not (is_doubtful and answer.status == HTTPStatus.NOT_FOUND):
            self._expect(call, answer, HTTPStatus.NO_CONTENT, username)
        self._gone.append(username)
        self.acknowledged["delete"] += 1

    def _list(self) -> None:
        query = f"?limit={PAGE}&username_prefix={self._name}-"
        self._listed(Call("list", "GET", "/users", f"/users{query}"), sorted(self._ledger)[:PAGE])

    def _find_email(self, username: str) -> None:
        query = f"?email={username}@example.com"
        expected = [username] if username in self._ledger else []  # or its read was a fault
        self._listed(Call(VERIFY, "GET", "/users", f"/users{query}"), expected)

    def _listed(self, call: Call, expected: list[str]) -> None:
        answer, _ = self._settled(call)
        self._expect(call, answer, HTTPStatus.OK)
        page = json.loads(answer.body)["users"]
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

    def _forget(self, username: str) -> None:
        """What it is now isn't known."""
        self._ledger.pop(username, None)
        self._unknown.add(username)

    def _miss(self, username: str) -> None:
        call = Call(VERIFY, "GET", _ONE, f"/users/{username}")
        self._expect(call, self._settled(call)[0], HTTPStatus.NOT_FOUND)

    def _settled(self, call: Call) -> tuple[Answer, bool]:
        """The answer, and whether an earlier try may have taken effect."""
        is_doubtful = False
        for answer in self._answers(call):
            if answer.status not in _BUSY:
                return answer, is_doubtful
            is_doubtful |= answer.status != HTTPStatus.TOO_MANY_REQUESTS
            self._pause(float(answer.headers.get("retry-after", 1)))
        raise Fault(f"{call.method} {call.path} was not answered in {_TRIES} tries.")

    def _answers(self, call: Call) -> Iterator[Answer]:
        for _ in range(_TRIES):
            answer = self._send(call)
            if answer.status != NO_ANSWER and (fault := self._contract.fault(call, answer)):
                self._report(f"{call.method} {call.path}: {fault}, by the contract.")
            yield answer

    def _expect(
        self, call: Call, answer: Answer, status: HTTPStatus, username: str | None = None
    ) -> None:
        """Raises Fault, and forgets the user, unless the status is the expected one."""
        if answer.status != status:
            if username:
                self._forget(username)
            said = answer.body[:200].decode(errors="replace")
            raise Fault(f"{call.method} {call.path}: {answer.status}, not {status}. {said}")

    @staticmethod
    def _user(answer: Answer) -> dict[str, Any]:
        user: dict[str, Any] = json.loads(answer.body)
        return user
