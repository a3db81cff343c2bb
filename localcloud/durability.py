"""Keeps what the emulator acknowledged however its process ends; runs in that process.

The emulator saves only when it is stopped, one service's file after the other. Instead, what is
kept are generations: numbered folders, each with the whole state as a checkpoint found it, and
with a journal of the writes to DynamoDB that were answered with success since then. A generation
gets its number when it is complete, so that a kill at any moment leaves the one before it, or it.
A start loads the newest generation, and then makes its journal's writes again.

Nothing is flushed to the disk (fsync): what the system has been given outlives any process, and a
machine that loses its power is not what this is for.
"""

import json
import logging
import logging.handlers
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NoReturn

import ministack.app as ministack  # type: ignore[import-not-found]  # is in its environment
from ministack.core import persistence, responses  # type: ignore[import-not-found]
from ministack.core.persistence import (  # type: ignore[import-not-found]
    _json_default,
    _state_format_version,
)
from ministack.services import (  # type: ignore[import-not-found]
    cloudformation,
    cloudwatch_logs,
    dynamodb,
    lambda_svc,
    s3,
)

from localcloud.door import App, Scope

_JOURNAL: Final = "journal"
_JOURNAL_BYTES: Final = 16_000_000
_LOG_STREAMS: Final = 1000
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


class UnreadableError(Exception):
    """What is kept is damaged: nothing may be served, nor written over it."""


class Durability:
    """What is kept in one folder, and the journal of the emulator that runs.

    The emulator's handlers for DynamoDB, and a checkpoint, each run without giving way to another
    task, so that the journal's order is that in which the writes were made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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
        _keep_in(self._generation)
        with _errors_logged() as errors:
            buckets = persistence.load_state("s3") or {
                "buckets_meta": responses.AccountScopedDict()
            }
            load()
        if not errors.empty():
            raise UnreadableError
        _remove_buckets_except(set(buckets["buckets_meta"]._data))
        # From here on the emulator would only write over what is kept.
        _replace(ministack, "PERSIST_STATE", value=False)

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
        stacks = cloudformation._stacks.all_values()
        # A stack in review is one that nothing was done for yet.
        is_deploying = {stack["StackStatus"] for stack in stacks} & {
            f"{operation}_IN_PROGRESS"
            for operation in ("CREATE", "DELETE", "UPDATE", "ROLLBACK", "UPDATE_ROLLBACK")
        }
        if self._is_deployed and not is_deploying:
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
            _keep_in(unfinished)
            _save(unfinished)
            journal = _open(unfinished / _JOURNAL)
            unfinished.rename(new)
        except Exception as error:
            _keep_in(old)
            raise CheckpointError from error
        _keep_in(new)
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
    for module, name in (
        (ministack, "_build_persistence_save_dict"),
        (cloudformation, "_stacks"),
        (cloudwatch_logs, "_log_groups"),
    ):
        getattr(module, name)  # another version may lack it: better now than at the first need
    durability = Durability(folder)
    load = ministack._load_persisted_state
    _replace(ministack, "_load_persisted_state", value=lambda: durability.load(load))
    _replace(dynamodb, "handle_request", value=durability.handle)

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


def _remove_buckets_except(known: set[tuple[str, str]]) -> None:
    """Remove the buckets that came after the checkpoint, as all that a cut deployment made.

    The emulator has their objects on the disk at once, and no stack could make them again.
    """
    for pattern in ("[0-9]*/*", ".versions/[0-9]*/*"):
        for bucket in Path(s3.DATA_DIR).glob(pattern):
            if (bucket.parent.name, bucket.name) not in known:
                shutil.rmtree(bucket)
                s3._buckets._data.pop((bucket.parent.name, bucket.name), None)


def _save(folder: Path) -> None:
    for _, group in cloudwatch_logs._log_groups.all_items():
        # The emulator makes a stream for each invocation, and would keep them for ever.
        for name in list(group["streams"])[:-_LOG_STREAMS]:
            group["streams"].pop(name, None)
    for name, state in _copy_states().items():
        content = {"__ministack_format__": _state_format_version(name), "payload": state}
        with (folder / f"{name}.json").open("w") as file:
            json.dump(content, file, default=_json_default)


def _copy_states() -> dict[str, Any]:
    get_states = ministack._build_persistence_save_dict()
    interval = sys.getswitchinterval()
    # Other threads write to what is copied: they don't get the interpreter meanwhile.
    sys.setswitchinterval(60)
    try:
        states = {name: get_state() for name, get_state in get_states.items()}
    finally:
        sys.setswitchinterval(interval)
    return {name: state for name, state in states.items() if state is not None}


def _end(reason: str) -> NoReturn:
    # At once: the server would go on without a lifespan, and save what must not be saved.
    _logger.exception(reason)
    logging.shutdown()
    os._exit(1)


@contextmanager
def _errors_logged() -> Iterator[SimpleQueue[logging.LogRecord]]:
    """What is logged as an error meanwhile: the emulator says so, and goes on without the data."""
    errors = SimpleQueue[logging.LogRecord]()
    handler = logging.handlers.QueueHandler(errors)
    handler.setLevel(logging.ERROR)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield errors
    finally:
        root.removeHandler(handler)


def _keep_in(generation: Path) -> None:
    _replace(persistence, "STATE_DIR", value=str(generation))
    _replace(lambda_svc, "CODE_BLOB_DIR", value=str(generation / "lambda-blobs"))


def _replace(module: Any, name: str, *, value: object) -> None:
    getattr(module, name)  # another version may call it otherwise: then this raises
    setattr(module, name, value)


def _open(journal: Path) -> int:
    journal.parent.mkdir(parents=True, exist_ok=True)
    return os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _number(generation: Path) -> int:
    return int(generation.name) if generation.name.isdecimal() else 0
