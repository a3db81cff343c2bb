"""Asks public databases which known vulnerabilities have what is locked."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tooling.install import PYTHON, ROOT, install_group, installer_environment
from tooling.progress import Failure

# Of Python packages: https://google.github.io/osv.dev/api/ has PyPA's and GitHub's advisories. Of
# Node packages npm asks the registry that it installs from.
OSV = "https://api.osv.dev/v1/query"
REGISTRY: str | None = None  # npm's own setting
_SECONDS: Final = 600
_LINES: Final = 3  # the last of what a tool says, which is why it stopped
_MARKER: Final = re.compile(r" ;[^\\\n]*")


@dataclass(frozen=True)
class Advisory:
    """A known vulnerability of something locked.

    where: what locks it: a group of uv.lock, or a folder with a package-lock.json.
    ids: all that it has, the database's own first, the others sorted.
    remedy: the version that has it no more, or that there is none.
    """

    where: str
    package: str
    ids: tuple[str, ...]
    remedy: str


def of_python(group: str) -> list[Advisory]:
    """Of a group of uv.lock, on every platform. Raises Failure when the database can't be asked."""
    program = install_group("scanners") / "bin" / "pip-audit"
    options = ["--require-hashes", "--disable-pip", "--strict", "--format", "json"]
    options += ["--progress-spinner", "off", "--vulnerability-service", "osv"]
    with tempfile.TemporaryDirectory() as folder:
        (requirements := Path(folder) / "requirements.txt").write_text("\n".join(exported(group)))
        options += ["--osv-url", OSV, "--requirement", str(requirements)]
        done = _start([str(program), *options])
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise _unanswered(f"the Python packages of {group}", done.stderr) from None
    return [
        Advisory(
            group,
            f"{dependency['name']} {dependency['version']}",
            (found["id"], *sorted(found["aliases"])),
            _remedy(found["fix_versions"]),
        )
        for dependency in report["dependencies"]
        for found in dependency["vulns"]
    ]


def exported(group: str) -> list[str]:
    """A group of uv.lock as lines of a requirements.txt, with hashes. Raises Failure."""
    uv = [str(PYTHON.with_name("uv")), "export", "--quiet", "--frozen", "--no-emit-project"]
    lines = _run([*uv, "--no-header", "--no-annotate", "--only-group", group])
    # pip-audit leaves out what this machine would not install; others do.
    return _MARKER.sub(" ", lines).splitlines()


def of_node(folder: str) -> list[Advisory]:
    """Of a folder's package-lock.json. Raises Failure when the registry can't be asked."""
    npm = [str(PYTHON.with_name("npm")), "audit", "--json", "--package-lock-only", "--include=dev"]
    npm += ["--offline=false", "--prefix", str(ROOT / folder)]
    done = _start([*npm, "--registry", REGISTRY] if REGISTRY else npm)
    report = _json(done.stdout)
    if "vulnerabilities" not in report:
        raise _unanswered(f"the Node packages of {folder}", done.stdout + done.stderr)
    locked = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    return list(_of_report(folder, report, locked))


def _of_report(where: str, report: dict[str, Any], locked: dict[str, Any]) -> Iterator[Advisory]:
    for name, entry in report["vulnerabilities"].items():
        versions = ", ".join(sorted({locked[path]["version"] for path in entry["nodes"]}))
        fix = entry["fixAvailable"]
        for cause in entry["via"]:
            if isinstance(cause, dict):  # else it only depends on another that is listed
                remedy = "npm knows no fix"
                if fix:
                    remedy = "npm knows a fix"
                    if isinstance(fix, dict):
                        remedy += f": {fix['name']} {fix['version']}"
                yield Advisory(
                    where,
                    f"{name} {versions}",
                    (cause["url"].rsplit("/", 1)[-1],),
                    f"{remedy}; affected are {cause['range']}",
                )


def _remedy(versions: list[str]) -> str:
    return f"fixed in {', '.join(versions)}" if versions else "no version has it fixed"


def _unanswered(what: str, said: str) -> Failure:
    return Failure(
        f"The database of advisories could not be asked about {what}, so nothing is known of them:"
        " connect this machine, or let it reach the database.",
        "\n".join(said.rstrip().splitlines()[-_LINES:]),
    )


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _run(command: list[str]) -> str:
    done = _start(command)
    if done.returncode:
        raise Failure(f"{Path(command[0]).name} {command[1]} failed; see above.", done.stderr)
    return done.stdout


def _start(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env=installer_environment(),
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        raise Failure(
            f"{Path(command[0]).name} gave no answer for {_SECONDS} seconds: try again."
        ) from None
