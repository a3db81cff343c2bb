"""checkov, which has dependencies that this project's can't live with: an environment of its own.

A test that needs it installs it, as uv.lock has it.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tooling.install import install_group

_SECONDS: Final = 600


class Finding(NamedTuple):
    """A rule, the template's file name, and the logical id of the resource."""

    rule: str
    file: str
    resource: str


class Report(NamedTuple):
    """What checkov failed, and the reasons of what it skipped."""

    failed: set[Finding]
    skipped: dict[Finding, str]


def checkov(folder: Path) -> Report:
    """Scan the templates (*.json) of a folder."""
    program = install_group("scanners") / "bin" / "checkov"
    # Guidelines would come from the network, and change nothing of what is found.
    options = ["--framework", "cloudformation", "--output", "json", "--skip-download"]
    done = subprocess.run(
        [str(program), *options, "--directory", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"},
        cwd=folder,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert not report["results"]["parsing_errors"]
    return Report(
        set(_findings(report["results"]["failed_checks"])),
        {
            finding: check["check_result"]["suppress_comment"]
            for finding, check in zip(
                _findings(report["results"]["skipped_checks"]),
                report["results"]["skipped_checks"],
                strict=True,
            )
        },
    )


def _findings(checks: Sequence[dict[str, Any]]) -> list[Finding]:
    return [
        Finding(c["check_id"], c["file_path"].removeprefix("/"), c["resource"].split(".")[-1])
        for c in checks
    ]
