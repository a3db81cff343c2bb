"""./scripts/verify: what takes too long for the gate.

The conformance suite with many more sequences and cases; the API where the function may do no more
than its role's policies permit; three rehearsals: the restore of docs/operations.md, the pipeline
of docs/pipeline.md, which builds the commit that is checked out, and a checkout that was copied
with all that is installed in it; the property tests with many more examples; the benchmarks' tests;
and whether the function has become slower,
or its memory grows.
"""

import argparse
from typing import Final

from tests.gate import run

_STEPS: Final = (
    (
        *("./scripts/sandbox", "--", "pytest", "--long", "-v", "-s"),
        *("tests/end_to_end", "tests/conformance"),
    ),
    (
        *("./scripts/sandbox", "--enforce-iam", "--", "pytest", "-v", "-s"),
        *("tests/end_to_end", "tests/privilege"),
    ),
    ("pytest", "-v", "-s", "tests/rehearsal"),
    ("pytest", "--long", "-n", "2", "tests/unit"),
    ("pytest", "--long", "-m", "long", "tests/infrastructure"),
    ("pytest", "benchmarks/tests"),
    ("./scripts/benchmark", "--check"),
)


def main() -> None:
    """Run every step."""
    argparse.ArgumentParser(prog="./scripts/verify", description=__doc__).parse_args()
    run(_STEPS)
