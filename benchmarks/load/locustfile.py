"""What locust runs: the callers, and a record of each request. Needs the group `load` of uv.lock.

Reads API_ENDPOINT, API_TOKEN, and LOAD_SECONDS, which count from when all callers have their users;
writes to the file that LOAD_RECORD names.
"""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import FastHttpUser, events, task  # type: ignore[import-not-found]

from benchmarks.load.caller import VERIFY, Caller
from benchmarks.load.contract import Answer, Call, Contract

_SECONDS = 35.0  # the gateway answers within 30

_contract = Contract(json.loads(Path("docs/openapi.json").read_text()))
_requests: list[tuple[float, str, int, float]] = []
_faults: list[str] = []
_callers: list[Caller] = []
_numbers = itertools.count()


class LoadUser(FastHttpUser):  # type: ignore[misc]
    """One caller, which never rests."""

    host = os.environ["API_ENDPOINT"]
    connection_timeout = network_timeout = _SECONDS

    def on_start(self) -> None:
        """Create its users."""
        self._token = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
        self._caller = Caller(f"load{next(_numbers):02}", _contract, self._send, _faults.append)
        self._caller.fill()
        _callers.append(self._caller)
        if len(_callers) == self.environment.parsed_options.num_users:
            # The time counts from here; each caller then comes to its on_stop().
            gevent.spawn_later(float(os.environ["LOAD_SECONDS"]), self.environment.runner.quit)

    @task  # type: ignore[untyped-decorator]
    def act(self) -> None:
        """Make a request of the mix."""
        self._caller.act()

    def on_stop(self) -> None:
        """Look at everything once more."""
        self._caller.verify()

    def _send(self, call: Call) -> Answer:
        answer = self.client.request(
            call.method,
            call.path,
            name=call.name,
            data=call.body,
            headers={**call.headers, **self._token},
            allow_redirects=False,
        )
        headers = {name.lower(): value for name, value in (answer.headers or {}).items()}
        return Answer(answer.status_code, headers, answer.content or b"")


@events.request.add_listener  # type: ignore[untyped-decorator]
def _record(
    *, name: str, response: Any, response_time: float, start_time: float, **_: object
) -> None:
    if name != VERIFY:
        _requests.append((start_time, name, response.status_code, response_time))


@events.user_error.add_listener  # type: ignore[untyped-decorator]
def _note_bug(*, exception: Exception, **_: object) -> None:
    _faults.append(f"A caller stopped short: {exception!r}.")


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _write(*, environment: Any, **_: object) -> None:
    environment.process_exit_code = 0  # what is wrong is in the record
    acknowledged = {
        name: sum(caller.acknowledged[name] for caller in _callers)
        for name in ("create", "patch", "delete")
    }
    record = {"requests": _requests, "faults": _faults, "acknowledged": acknowledged}
    Path(os.environ["LOAD_RECORD"]).write_text(json.dumps(record))
