"""The document is true: schemathesis sends what it allows and forbids, and checks each answer."""

import re
import subprocess
from pathlib import Path

import pytest

from localcloud.install import PYTHON, ROOT

_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
_SECONDS = 3600
_CLOSING = re.compile(r"Tested: |Scenarios: |API Links: |generated, |Seed: | in [\d.]+s =+$")


def test_every_answer_is_as_the_document_says(
    endpoint: str, is_long: bool, closing_lines: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    command = [str(PYTHON.with_name("schemathesis")), "--config-file", str(_CONFIGURATION), "run"]
    command += ["docs/openapi.json", "--url", endpoint]
    command += ["--workers", "2"]
    # The gate says the same of the same code.
    command += ["-n", "400"] if is_long else ["-n", "10", "--generation-deterministic"]
    done = subprocess.run(
        command, check=False, cwd=ROOT, text=True, stdout=subprocess.PIPE, timeout=_SECONDS
    )
    closing_lines += [
        f"schemathesis: {line.strip(' =')}"
        for line in done.stdout.splitlines()
        if _CLOSING.search(line)
    ]
    assert done.returncode == 0, done.stdout
