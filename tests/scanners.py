"""Runs checkov, in its own environment because its dependencies conflict with this project's."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tooling.install import install_group

_SECONDS: Final = 600


class Finding(NamedTuple):
    """A finding.

    Attributes:
        rule: The rule's id.
        file: The template's file name.
        resource: The resource's logical id.
    """

    rule: str
    file: str
    resource: str


class Report(NamedTuple):
    """What checkov reports.

    Attributes:
        failed: The findings.
        skipped: The accepted findings, and why they are accepted.
    """

    failed: set[Finding]
    skipped: dict[Finding, str]


def checkov(folder: Path) -> Report:
    """Scan the templates (*.json) of a folder."""
    program = install_group("scanners") / "bin" / "checkov"
    # Guidelines would come from the network, and don't change the findings.
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
