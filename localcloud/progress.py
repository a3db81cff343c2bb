"""Says what is going on, and how long it took. Runs on any Python since 3.9."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure(Exception):
    """What went wrong and what to do about it, in one sentence; `output` is what a tool said."""

    def __init__(self, sentence: str, output: str = "") -> None:
        super().__init__(sentence)
        self.output = output


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show a step, and its seconds when it is done."""
    started = time.monotonic()
    say(f"  {name} ...", end="")
    try:
        yield
    except Failure:
        say(f" failed after {time.monotonic() - started:.1f} s")
        raise
    except BaseException:
        say(f" stopped after {time.monotonic() - started:.1f} s")
        raise
    say(f" {time.monotonic() - started:.1f} s")


def say(text: str, end: str = "\n") -> None:
    """Print for a person: to standard error, so that a command's own output stays its own."""
    try:
        sys.stderr.write(text + end)
        sys.stderr.flush()
    except OSError:
        # Nobody reads any more, the terminal was closed; what has to be cleaned up still has to be.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def explain(failure: Failure) -> None:
    """Print a failure: the tool's output first, the sentence last, where it is seen."""
    if failure.output:
        say("\n" + failure.output.rstrip() + "\n")
    say(f"{failure}")
