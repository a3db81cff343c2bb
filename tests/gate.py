"""./scripts/test: everything that must pass before a change is merged.

CI runs only this. Each suite's results are in .local/reports, in JUnit's format.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Final

from tooling.install import ROOT, tool_environment

_REPORTS: Final = ".local/reports"


def _suite(name: str, *options: str) -> tuple[str, ...]:
    return ("pytest", "--junit-xml", f"{_REPORTS}/{name}.xml", *options)


# Of tests/compatibility, what an edit of the schema fails first.
_STORED: Final = "tests/compatibility/test_schema.py"
_QUICK: Final = (
    ("ruff", "format", "--check"),
    ("ruff", "check"),
    ("lint-imports", "--no-logo", "--cache-dir", ".local/imports"),
    ("mypy",),
    _suite("unit", *("-n", "auto", "--dist", "loadgroup"), "tests/unit", _STORED),
)
_IN_TWO: Final = ("-n", "2", "--dist", "loadfile")
# Otherwise what has the fewest tests comes last: those that scan, and one worker waits for them.
_IN_ORDER: Final = "--no-loadscope-reorder"
_REST: Final = (
    _suite(
        "infrastructure",
        *_IN_TWO,
        _IN_ORDER,
        *("tests/integration", "tests/compatibility", "tests/infrastructure"),
        *("--ignore", _STORED),
    ),
    (
        *("./scripts/sandbox", "--"),
        *_suite("end_to_end", "tests/smoke", "tests/end_to_end", "tests/conformance"),
    ),
    _suite("sandbox", *_IN_TWO, "tests/sandbox"),
)


def main() -> None:
    """Run all steps, or only the quick ones."""
    parser = argparse.ArgumentParser(prog="./scripts/test", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="run only format, lint, types, unit tests and what is stored",
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="run the other steps after one has failed"
    )
    options = parser.parse_args()
    steps = _QUICK if options.quick else (*_QUICK, *_REST)
    shutil.rmtree(ROOT / _REPORTS, ignore_errors=True)
    run(steps, keeps_going=options.keep_going)


def run(steps: Iterable[tuple[str, ...]], *, keeps_going: bool = False) -> None:
    """Run commands in the checkout, with its programs and without AWS.

    Print each command and how long it takes. If one fails, exit with its status: at once, or after
    the others with `keeps_going`.
    """
    # Ctrl-C also reaches the command, which cleans up and fails.
    signal.signal(signal.SIGINT, lambda *_: None)
    variables = {k: v for k, v in tool_environment().items() if not k.startswith("AWS_")}
    failed: dict[str, int] = {}
    for step in steps:
        print(f"\n=== {' '.join(step)}", flush=True)  # noqa: T201 it is the output
        started = time.monotonic()
        status = subprocess.Popen(step, cwd=ROOT, env=variables).wait()
        if status:
            failed[" ".join(step)] = status if status > 0 else 128 - status
        has_failed = " (failed)" if status else ""
        print(f"=== {time.monotonic() - started:.0f} s{has_failed}", flush=True)  # noqa: T201
        if status and not keeps_going:
            break
    if failed:
        print("", *(f"Failed: {step}" for step in failed), sep="\n")  # noqa: T201
        sys.exit(next(iter(failed.values())))
