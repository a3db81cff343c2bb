"""The emulator's state as it has it: where it is kept, how it is loaded and saved.

The emulator is pinned with a hash, and has no interface for this: what is used of its insides is
here and at the places that call replace(), and fails at the start when another version lacks it.
"""

import json
import logging
import logging.handlers
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import ministack.app as ministack  # type: ignore[import-not-found]  # is in its environment
from ministack.core import persistence, responses  # type: ignore[import-not-found]
from ministack.core.persistence import (  # type: ignore[import-not-found]
    _json_default,
    _state_format_version,
)
from ministack.services import (  # type: ignore[import-not-found]
    cloudformation,
    cloudwatch_logs,
    lambda_svc,
    s3,
)

_LOG_STREAMS: Final = 1000


class UnreadableError(Exception):
    """What is kept is damaged: nothing may be served, nor written over it."""


def keep_in(folder: Path) -> None:
    """Have the emulator load from and save to the folder."""
    replace(persistence, "STATE_DIR", value=str(folder))
    replace(lambda_svc, "CODE_BLOB_DIR", value=str(folder / "lambda-blobs"))


def load(load_all: Callable[[], None]) -> None:
    """Load what is kept with the emulator's own `load_all`. Raises UnreadableError."""
    for module, name in (
        (ministack, "_build_persistence_save_dict"),
        (cloudformation, "_stacks"),
        (cloudwatch_logs, "_log_groups"),
    ):
        getattr(module, name)  # better missed now than when it is needed
    with _errors_logged() as errors:
        buckets = persistence.load_state("s3") or {"buckets_meta": responses.AccountScopedDict()}
        load_all()
    if not errors.empty():
        raise UnreadableError
    _remove_buckets_except(set(buckets["buckets_meta"]._data))
    # From here on the emulator would only write over what is kept.
    replace(ministack, "PERSIST_STATE", value=False)


def is_whole() -> bool:
    """Whether no stack is in the middle of an operation, or stuck in one that failed."""
    return all(
        # A stack in review is one that nothing was done for yet.
        stack["StackStatus"].endswith("_COMPLETE") or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
        for stack in cloudformation._stacks.all_values()
    )


def save(folder: Path) -> None:
    """Save all that there is into the folder; raises what goes wrong, unlike the emulator."""
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


def replace(module: Any, name: str, *, value: object) -> None:
    """Set a name of the emulator's that must be there."""
    getattr(module, name)  # another version may call it otherwise: then this raises
    setattr(module, name, value)


def _remove_buckets_except(known: set[tuple[str, str]]) -> None:
    """Remove the buckets that came after the checkpoint, as all that a cut deployment made.

    The emulator has their objects on the disk at once, and no stack could make them again.
    """
    for pattern in ("[0-9]*/*", ".versions/[0-9]*/*"):
        for bucket in Path(s3.DATA_DIR).glob(pattern):
            if (bucket.parent.name, bucket.name) not in known:
                shutil.rmtree(bucket)
                s3._buckets._data.pop((bucket.parent.name, bucket.name), None)


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
