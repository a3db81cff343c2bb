"""Prints a line for each request to the local cloud, and what the function logged."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tooling.install import ROOT
from tooling.progress import say

# What the logger adds to each line, or the line of the request has already.
_BOILERPLATE: Final = {
    *("level", "location", "message", "timestamp", "service", "request_id"),
    "xray_trace_id",
}
_FRAME: Final = re.compile(r"([\w/]+\.py):(\d+) \S+")
_INDENT: Final = "  "
# How metrics begin (the embedded metric format).
_METRICS: Final = '{"_aws":'


class Activity:
    """Prints the events that the emulator's process reports (emulator_process)."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], str]] = []
        self._has_begun = False

    def know(self, route_keys: Iterable[str]) -> None:
        """Take the deployed API's routes, such as `GET /users/{username}`."""
        keys = sorted(route_keys, key=lambda key: key.count("{"))  # the most exact one wins
        self._routes = [(_pattern(key), key.split()[-1]) for key in keys]

    def begin(self) -> None:
        """Print from now on; the requests of a start are not worth a line."""
        self._has_begun = True

    def show(self, line: bytes) -> None:
        """Print one event, a line of JSON."""
        if not self._has_begun:
            return
        event = json.loads(line)
        if "path" in event:
            self._show_request(event)
        else:
            for text in _readable(event):
                say(text)

    def _show_request(self, event: dict[str, Any]) -> None:
        request = f"{event['method']} {event['path']}"
        # Not the path: a username may be an email address.
        found = (route for pattern, route in self._routes if pattern.fullmatch(request))
        route = next(found, "(no route)")
        status, milliseconds = event["status"], event["milliseconds"]
        say(f"{event['method']:<7}{route:<20} {status} {milliseconds:6.0f} ms")


def _pattern(route_key: str) -> re.Pattern[str]:
    escaped = re.escape(route_key).replace(r"\ ", " ").replace("ANY ", r"\w+ ")
    return re.compile(re.sub(r"\\{\w+(\\\+)?\\}", lambda m: ".+" if m[1] else "[^/]+", escaped))


def _readable(event: dict[str, Any]) -> Iterator[str]:
    lines = event["log"].splitlines()
    for line in lines:
        if line.startswith(_METRICS):
            continue
        record = _record(line)
        if record is None:
            yield _INDENT + line
        elif record["message"] != "request":
            yield from _explained(record)
    if event["error"] and not lines:
        yield f"{_INDENT}The function failed: {event['error']}"


def _record(line: str) -> dict[str, Any] | None:
    """Return the logger's record, or None if the function printed something else."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and {"level", "message"} <= record.keys() else None


def _explained(record: dict[str, Any]) -> Iterator[str]:
    members = {name: value for name, value in record.items() if name not in _BOILERPLATE}
    texts = [f"{name}={value}" for name, value in members.items() if not isinstance(value, list)]
    yield _INDENT + " ".join([record["level"], str(record["message"]), *texts])
    for frame in (
        value for values in members.values() if isinstance(values, list) for value in values
    ):
        yield f"{_INDENT * 2}{frame}"
        yield from _source_line(str(frame))


def _source_line(frame: str) -> Iterator[str]:
    """Yield the line of code that a frame names."""
    if not (found := _FRAME.fullmatch(frame)):
        return
    try:
        lines = (ROOT / found[1]).read_text().splitlines()
    except OSError:
        return  # a package's, or a file that is being saved
    if int(found[2]) <= len(lines):
        yield f"{_INDENT * 3}{lines[int(found[2]) - 1].strip()}"
