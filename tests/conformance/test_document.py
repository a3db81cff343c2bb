"""The document is true: schemathesis sends what it allows and forbids, and checks each answer."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tooling.install import LOCAL, PYTHON, ROOT

_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# Every request and its response: for whoever has to explain a failure.
_CASSETTE = LOCAL / "reports" / "schemathesis.yaml"
_CLOSING = re.compile(r"Tested: |Scenarios: |API Links: |generated, |Seed: | in [\d.]+s =+$")


def test_every_answer_is_as_the_document_says(
    endpoint: str, is_long: bool, closing_lines: list[str]
) -> None:
    command = [str(PYTHON.with_name("schemathesis")), "--config-file", str(_CONFIGURATION), "run"]
    command += ["docs/openapi.json", "--url", endpoint]
    command += ["--workers", "2"]
    command += ["--report", "vcr", "--report-vcr-path", str(_CASSETTE)]
    # The gate says the same of the same code.
    command += ["--max-examples", "400"] if is_long else ["--generation-deterministic"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            sys.stdout.write(line)  # at once with -s
            if _CLOSING.search(line):
                closing_lines.append(f"schemathesis: {line.strip(' =\n')}")
    if process.returncode:
        closing_lines.append(
            f"All that was sent is in {_CASSETTE.relative_to(ROOT)}. If such a response may follow "
            "a valid request, add its status in tests/conformance/schemathesis.toml."
        )
        pytest.fail("The API responds as the document doesn't say: see below.", pytrace=False)
    _CASSETTE.unlink()
