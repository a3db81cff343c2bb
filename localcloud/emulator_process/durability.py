"""Keeps what the emulator acknowledged however its process ends; runs in that process.

The emulator saves only when it is stopped, one service's file after the other. Instead, what is
kept are generations: numbered folders, each with the whole state as a checkpoint found it, and
with a journal of the writes to DynamoDB that were answered with success since then. A generation
gets its number when it is complete, so that a kill at any moment leaves the one before it, or it.
A start loads the newest generation, and then makes its journal's writes again.

Nothing is flushed to the disk (fsync): what the system has been given outlives any process, and a
machine that loses its power is not what this is for.
"""

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NoReturn

import ministack.app as ministack  # type: ignore[import-not-found]  # is in its environment
from ministack.core import responses  # type: ignore[import-not-found]
from ministack.services import dynamodb  # type: ignore[import-not-found]

from localcloud.emulator_process import state
from localcloud.emulator_process.door import App, Scope
from localcloud.emulator_process.state import UnreadableError

_JOURNAL: Final = "journal"
_JOURNAL_BYTES: Final = 16_000_000
_WRITES: Final = frozenset(
    {
        "BatchExecuteStatement",
        "BatchWriteItem",
        "DeleteItem",
        "ExecuteStatement",
        "ExecuteTransaction",
        "PutItem",
        "TransactWriteItems",
        "UpdateItem",
    }
)

_logger = logging.getLogger("durability")

type Answer = tuple[int, dict[str, str], bytes | str]
type Handler = Callable[..., Awaitable[Answer]]


class CheckpointError(Exception):
    """What there is could not be saved: the generation before it and its journal go on."""


class Durability:
    """What is kept in one folder, and the journal of the emulator that runs.

    The emulator's handlers for DynamoDB, and a checkpoint, each run without giving way to another
    task, so that the journal's order is that in which the writes were made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # The one before may still be saving, after its parent was killed: this waits for it.
        self._lock = (folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Before there were generations the emulator saved into the folder itself.
        self._generation = max(self._generations(), key=_number, default=folder)
        self._handle: Handler = dynamodb.handle_request
        self._journal = -1
        self._next_checkpoint = _JOURNAL_BYTES
        self._is_deployed = False

    def load(self, load: Callable[[], None]) -> None:
        """Load the newest generation with the emulator's `load`. Raises UnreadableError."""
        for stale in self._generations():
            if stale != self._generation:
                shutil.rmtree(stale)
        state.keep_in(self._generation)
        state.load(load)

    async def restore(self) -> None:
        """Make the journal's writes again, and begin to journal. Raises UnreadableError."""
        path = self._generation / _JOURNAL
        self._journal = _open(path)
        content = path.read_bytes()
        # What was being written at a kill has no end of line, and had no answer.
        whole = content[: content.rfind(b"\n") + 1]
        os.truncate(path, len(whole))
        refused = 0
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                account, region, target, body = json.loads(line)
            except ValueError as error:
                raise UnreadableError from error
            responses.set_request_account_id(account)
            responses.set_request_region(region)
            headers = {"x-amz-target": target}
            status, _, text = await self._handle(
                "POST", "/", headers, json.dumps(body).encode(), {}
            )
            if status != HTTPStatus.OK:
                refused += 1
                _logger.error("Write %d of the journal is refused now: %s %s", number, target, text)
        if whole:
            made = whole.count(b"\n") - refused
            _logger.warning("Journal: %d writes were restored, %d were refused", made, refused)

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        """The emulator's handler for DynamoDB; a write is in the journal before it is answered."""
        answer = await self._handle(method, path, headers, body, query)
        target = headers.get("x-amz-target", "")
        if answer[0] == HTTPStatus.OK and target.split(".")[-1] in _WRITES:
            scope = (responses.get_account_id(), responses.get_region())
            self._append(json.dumps([*scope, target, json.loads(body)]).encode() + b"\n")
        return answer

    def _append(self, record: bytes) -> None:
        try:
            if os.write(self._journal, record) != len(record):
                raise OSError("the disk is full")
        except OSError:
            # Later writes could come to build on this one, which is made, and isn't kept.
            _end("A write can't be kept: the local cloud ends as if it were killed")
        if os.fstat(self._journal).st_size > self._next_checkpoint:
            self._next_checkpoint *= 2  # unless it succeeds
            try:
                self.checkpoint_if_deployed()
            except CheckpointError:
                _logger.exception("The checkpoint failed: the journal goes on")

    def checkpoint_if_deployed(self) -> None:
        """As checkpoint(), but leaves out what a deployment that failed or was cut left behind.

        Nothing would ever finish that, and no later deployment may succeed on top of it.
        """
        if self._is_deployed and state.is_whole():
            self.checkpoint()

    def checkpoint(self) -> None:
        """Save all that there is as a new generation. Raises CheckpointError.

        Whoever asks for it says that what is deployed is whole.
        """
        self._is_deployed = True
        old = self._generation
        new = self._folder / str(_number(old) + 1)
        unfinished = self._folder / "unfinished"
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            state.keep_in(unfinished)
            state.save(unfinished)
            journal = _open(unfinished / _JOURNAL)
            unfinished.rename(new)
        except Exception as error:
            state.keep_in(old)
            raise CheckpointError from error
        state.keep_in(new)
        os.close(self._journal)
        self._generation, self._journal = new, journal
        self._next_checkpoint = _JOURNAL_BYTES
        self._remove(old)
        _logger.info("Checkpoint: %s", new)

    def _remove(self, old: Path) -> None:
        if old != self._folder:
            shutil.rmtree(old, ignore_errors=True)  # the next start tries again
            return
        shutil.rmtree(old / "lambda-blobs", ignore_errors=True)
        for path in (old / _JOURNAL, *old.glob("*.json")):
            path.unlink()

    def _generations(self) -> list[Path]:
        return [path for path in self._folder.glob("*") if path.name.isdecimal()]


def durable(app: App, folder: Path) -> App:
    """The emulator's ASGI application `app`, which keeps its state in the folder.

    A POST to /_checkpoint makes a checkpoint; it is answered with 204, or with 500.
    """
    durability = Durability(folder)
    load = ministack._load_persisted_state
    state.replace(ministack, "_load_persisted_state", value=lambda: durability.load(load))
    state.replace(dynamodb, "handle_request", value=durability.handle)

    async def durable_app(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(app, durability, scope, receive, send)
        elif scope["path"] == "/_checkpoint" and scope["method"] == "POST":
            await _checkpoint(durability, send)
        else:
            await app(scope, receive, send)

    return durable_app


async def _live(app: App, durability: Durability, scope: Scope, receive: Any, send: Any) -> None:
    async def receive_end() -> dict[str, Any]:
        message: dict[str, Any] = await receive()
        if message["type"] == "lifespan.shutdown":
            durability.checkpoint_if_deployed()
        return message

    async def send_start(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            await durability.restore()
        await send(message)

    try:
        await app(scope, receive_end, send_start)
    except UnreadableError:
        _end("The kept data can't be read")
    except Exception:  # noqa: BLE001 it is logged
        _end("The local cloud can't keep its data")


async def _checkpoint(durability: Durability, send: Any) -> None:
    status = HTTPStatus.NO_CONTENT
    try:
        durability.checkpoint()
    except CheckpointError:
        _logger.exception("The checkpoint failed")
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _end(reason: str) -> NoReturn:
    # At once: the server would go on without a lifespan, and save what must not be saved.
    _logger.exception(reason)
    logging.shutdown()
    os._exit(1)


def _open(journal: Path) -> int:
    journal.parent.mkdir(parents=True, exist_ok=True)
    return os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _number(generation: Path) -> int:
    return int(generation.name) if generation.name.isdecimal() else 0
