"""Puts a sandbox under load, and judges what came of it."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from benchmarks import page
from benchmarks.load.caller import NO_RESPONSE, VERIFY, Call, Caller, Response
from benchmarks.load.memory import growth, sampled
from benchmarks.load.outcome import Outcome, Request
from localcloud import emulator
from tooling.install import PYTHON, ROOT
from tooling.progress import Failure, explain, say

_CALLERS: Final = 16
_TIMEOUT_SECONDS: Final = 35.0  # the gateway responds within 30
_SHOWN_FAULTS: Final = 10


def in_sandbox(minutes: int, *, is_written: bool) -> None:
    """Become a sandbox of its own that runs main()."""
    os.chdir(ROOT)  # where modules are found
    command = ["./scripts/sandbox", "--", str(PYTHON), "-m", "benchmarks.load.measure"]
    command += [str(minutes), *(["--write"] if is_written else [])]
    os.execv(command[0], command)  # noqa: S606


def main() -> None:
    """Measure the sandbox that runs this. Arguments: minutes, and --write to write the page."""
    minutes, *options = sys.argv[1:]
    try:
        commit = page.commit()  # of the function that is deployed
        outcome = _measured(int(minutes))
        if options:
            page.write(page.BENCHMARKS, "load", f"{page.conditions(commit)}.\n\n{outcome.text()}")
        sys.stdout.write(outcome.text())
        judge(outcome)
    except Failure as failure:
        explain(failure)
        sys.exit(1)


def judge(outcome: Outcome) -> None:
    """Raise Failure if a response was wrong, something was lost, or memory grew."""
    faults = [*outcome.faults, *outcome.growth.faults(outcome.requests_between())]
    if faults:
        shown = faults[:_SHOWN_FAULTS]
        if len(faults) > len(shown):
            shown.append(f"... and {len(faults) - len(shown):,} more")
        raise Failure(
            f"Faults: {len(faults):,} in {len(outcome.requests):,} requests; see above.",
            "\n".join(shown),
        )
    say("Every response was right, nothing was lost, and memory grew no more than it may.")


class _Client:
    """Makes one caller's requests over one connection, and records those that aren't VERIFY's."""

    def __init__(self, record: list[Request]) -> None:
        address = urlsplit(os.environ["API_ENDPOINT"])
        assert address.hostname  # noqa: S101
        self._connection = HTTPConnection(address.hostname, address.port, timeout=_TIMEOUT_SECONDS)
        self._path = address.path.rstrip("/")
        self._token = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
        self._record = record

    def send(self, call: Call) -> Response:
        """Return the response to a request."""
        at, began = time.time(), time.perf_counter()
        try:
            headers = {**call.headers, **self._token}
            self._connection.request(call.method, self._path + call.path, call.body, headers)
            received = self._connection.getresponse()
            names = {name.lower(): value for name, value in received.headers.items()}
            response = Response(received.status, names, received.read())
        except (OSError, HTTPException):
            self._connection.close()
            response = Response(NO_RESPONSE)
        milliseconds = 1000 * (time.perf_counter() - began)
        if call.name != VERIFY:
            self._record.append(Request(at, call.name, response.status, milliseconds))
        return response


def _measured(minutes: int) -> Outcome:
    # The sandbox leads every SDK, and this, to its own local cloud.
    cloud = emulator.process_of(os.environ) if "AWS_SESSION_TOKEN" in os.environ else None
    if cloud is None:
        raise Failure("No sandbox runs this: start it with ./scripts/benchmark load.")
    requests: list[Request] = []
    faults: list[str] = []
    callers = [
        Caller(f"load{number:02}", _Client(requests).send, faults.append)
        for number in range(_CALLERS)
    ]
    is_over = threading.Event()

    def act(caller: Caller) -> None:
        while not is_over.is_set():
            caller.act()

    with ThreadPoolExecutor(_CALLERS) as pool:
        list(pool.map(Caller.fill, callers))
        requests.clear()
        say(f"  {_CALLERS} callers for {minutes} minutes, then everything is read once more ...")
        began = time.time()
        with sampled(cloud, minutes * 60) as samples:
            acting = [pool.submit(act, caller) for caller in callers]
            try:
                time.sleep(60 * minutes)
            finally:
                is_over.set()
            for future in acting:
                future.result()
        ended = time.time()
        list(pool.map(Caller.verify, callers))
    return Outcome(
        callers=_CALLERS,
        began=began,
        ended=ended,
        requests=requests,
        acknowledged={
            name: sum(caller.acknowledged[name] for caller in callers)
            for name in ("create", "patch", "delete")
        },
        faults=faults,
        growth=growth(samples, began, ended),
    )


if __name__ == "__main__":
    main()
