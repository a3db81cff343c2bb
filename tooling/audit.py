"""./scripts/audit: look up every locked package in public databases of vulnerabilities.

uv asks OSV about each uv.lock, and npm its registry about each package-lock.json. Fails if a
package has a known vulnerability, or if a database can't be asked. Needs the network.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from tooling.install import PYTHON, ROOT, installer_environment
from tooling.lock import NODE_FOLDERS, PYTHON_FOLDERS
from tooling.progress import say

# Advisories of Python packages to accept until there is a fix; say why each does no harm here.
# npm has no such option: where a package can't be raised, override it in package.json.
ACCEPTED: Final[tuple[str, ...]] = ()


def main() -> None:
    """Audit each lock file. Exit with 1 if a package is vulnerable or an audit fails."""
    argparse.ArgumentParser(prog="./scripts/audit", description=__doc__).parse_args()
    environment = installer_environment()
    failed = [
        lock
        for lock, command in commands()
        if subprocess.run(command, check=False, env=environment, cwd=ROOT).returncode
    ]
    if failed:
        say(f"Vulnerable, or could not be audited (see above): {', '.join(failed)}.")
        sys.exit(1)
    say(f"No known vulnerabilities ({len(ACCEPTED)} accepted).")


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each lock file with the command that audits it."""
    uv = [str(PYTHON.with_name("uv")), "audit", "--frozen", "--preview-features", "audit-command"]
    uv += [f"--ignore-until-fixed={advisory}" for advisory in ACCEPTED]
    for folder in PYTHON_FOLDERS:
        yield os.path.normpath(f"{folder}/uv.lock"), [*uv, "--project", folder]
    # If npm's settings say offline, it finds nothing and succeeds.
    npm = [str(PYTHON.with_name("npm")), "audit", "--package-lock-only", "--offline=false"]
    for folder in NODE_FOLDERS:
        lock = os.path.normpath(f"{folder}/package-lock.json")
        yield lock, [*npm, "--include=dev", "--prefix", folder]
