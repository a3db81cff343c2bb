"""Runs detect-secrets, which checkov installs: it finds what looks like a secret."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from tooling.install import install_group

_SECONDS: Final = 600
# The hashes of locked packages and of released items (tests/compatibility). detect-secrets strips
# lines; in files of unknown languages, it also rewrites them as `name = "value"`.
_HASHES: Final = (
    r'^([\w.-]+ = ")?--hash(=| = ")sha256:[0-9a-f]{64}( \\)?"?$',
    r'^"content": "([0-9a-f]{64}|[0-9a-f]{128})",?$',
    r'^"(etag": \{"S": "[0-9a-f]{24}|request": \{"S": "[0-9a-f]{64})"\},?$',
)


class Secret(NamedTuple):
    """What looks like a secret.

    Attributes:
        file: The file's name.
        kind: What it looks like.
        digest: The first digits of its SHA-1.
    """

    file: str
    kind: str
    digest: str


def find(folder: Path, files: Iterable[str]) -> set[Secret]:
    """Return what looks like a secret in files, which are relative to a folder."""
    program = install_group("scanners") / "bin" / "detect-secrets"
    # Verification would use the secret.
    options = ["--no-verify"]
    for pattern in _HASHES:
        options += ["--exclude-lines", pattern]
    done = subprocess.run(
        [str(program), "scan", *options, *files],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"},
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return {
        Secret(file, entry["type"], entry["hashed_secret"][:8])
        for file, entries in json.loads(done.stdout)["results"].items()
        for entry in entries
    }
