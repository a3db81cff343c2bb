"""Shows a person the progress and failures of a command. Runs on any Python since 3.9."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure(Exception):
    """Something failed that a person can mend. The message says what and how, in one sentence.

    Attributes:
        output: The output of the tool that failed; empty for none.
    """

    def __init__(self, sentence: str, output: str = "") -> None:
        super().__init__(sentence)
        self.output = output


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show that a step has begun, and how many seconds it took when it is done."""
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
    """Print a text for a person to standard error; standard output is for a command's results."""
    try:
        sys.stderr.write(text + end)
        sys.stderr.flush()
    except OSError:
        # The terminal was closed. Go on without output, so that cleaning up still happens.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


# What a person can do about an error of the operating system.
_REMEDIES = {
    errno.EACCES: "give yourself the permission, or use a checkout that is your own.",
    errno.EEXIST: "move it away.",
    errno.EDQUOT: "make room on the disk.",
    errno.EFBIG: "raise the limit on a file's size (ulimit -f).",
    errno.EMFILE: "raise the limit on open files (ulimit -n).",
    errno.ENFILE: "end programs that hold files open.",
    errno.ENOMEM: "end programs that hold memory.",
    errno.EAGAIN: "end programs, or raise the limit on processes (ulimit -u).",
    errno.ENOSPC: "make room on the disk.",
    errno.EPERM: "give yourself the permission, or use a checkout that is your own.",
    errno.EROFS: "use a checkout on a file system that can be written.",
}


@contextmanager
def failures_explained() -> Iterator[None]:
    """Exit with a sentence and status 1 if something fails that a person can mend.

    Other errors are bugs and keep their tracebacks.
    """
    try:
        yield
    except Failure as failure:
        explain(failure)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # the reader of the output has ended
            remedy = _REMEDIES.get(error.errno or 0)
            if remedy is None:
                raise
            where = f" ({error.filename})" if error.filename else ""
            explain(Failure(f"{error.strerror}{where}: {remedy}"))
        try:
            sys.stdout.flush()
        except OSError:  # else Python would try again at exit, and fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        return
    sys.exit(1)


def explain(failure: Failure) -> None:
    """Print a failure: the tool's output, then the sentence."""
    if failure.output:
        say("\n" + failure.output.rstrip() + "\n")
    say(f"{failure}")
