"""./scripts/verify: the tests that take too long for the gate.

They are clients that generators make from the document; the conformance suite with many more
sequences and cases; the API with a function that has only its role's permissions; rehearsals of the
restore in docs/operations.md, of the pipeline in docs/pipeline.md, which builds the current commit,
of an edited constants.py, and of a copied checkout; the property tests with many more examples;
scans of the templates of several accounts; the benchmarks' tests; and whether the function has
become slower or its memory grows.
"""

import argparse
from typing import Final

from tests.gate import run

_STEPS: Final = (
    ("pytest", "-n", "2", "tests/clients"),
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
    """Run all steps."""
    argparse.ArgumentParser(prog="./scripts/verify", description=__doc__).parse_args()
    run(_STEPS)
