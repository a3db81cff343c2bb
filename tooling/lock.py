"""./scripts/lock: lock what pyproject.toml and each package.json ask for, and install that.

Also writes what is made from the locks: the requirements.txt of the function, the one at the root
and docs/sbom.cdx.json, which lists the packages in the function.
"""

import argparse
import base64
import json
import os
import subprocess
from typing import Final

from backend.api.asset import ASSET
from constants import APP_NAME
from tooling.install import PYTHON, ROOT, installer_environment
from tooling.progress import Failure, failures_explained

# The folders with a uv.lock, and those with a package-lock.json.
PYTHON_FOLDERS: Final = (".", "benchmarks")
NODE_FOLDERS: Final = (".", "tests/browser", "tests/clients", "tests/openapi", "tests/workflow")
SBOM: Final = ROOT / "docs" / "sbom.cdx.json"
# The exported files, by group of uv.lock.
REQUIREMENTS: Final = {
    "infrastructure": "requirements.txt",
    "runtime": "backend/api/runtime/requirements.txt",
}
# The npm packages of which files ship.
NODE_PACKAGES: Final = sorted(
    {
        file.source.removeprefix("node_modules/").partition("/")[0]
        for file in ASSET.files.values()
        if file.source.startswith("node_modules/")
    }
)


def main() -> None:
    """Lock, export and install."""
    parser = argparse.ArgumentParser(prog="./scripts/lock", description=__doc__)
    parser.add_argument(
        "--upgrade", action="store_true", help="first raise every package within its range"
    )
    is_upgrade = parser.parse_args().upgrade
    with failures_explained():
        for folder in PYTHON_FOLDERS:
            _run("uv", "lock", "--project", folder, *(["--upgrade"] if is_upgrade else []))
        for group, file in REQUIREMENTS.items():
            export(group, "--output-file", file)
        for folder in NODE_FOLDERS:
            options = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
            options += ["--omit-lockfile-registry-resolved", "--prefix", folder]
            _run("npm", "update" if is_upgrade else "install", *options)
        SBOM.write_text(make_sbom())
    run = str(ROOT / "scripts" / "run")
    os.execv(run, [run])  # noqa: S606


def export(group: str, *options: str) -> str:
    """Export a group of uv.lock and return what uv prints.

    Raises:
        Failure: uv failed.
    """
    only = ["--frozen", "--only-group", group, "--no-emit-project"]
    return _run("uv", "export", "--quiet", *only, *options)


def make_sbom() -> str:
    """Return the CycloneDX document of the packages that ship.

    It is reproducible, so it has no serial number, time or tool. It lists only wheels, because no
    source distribution is installed.

    Raises:
        Failure: uv failed.
    """
    cyclonedx = ["--format", "cyclonedx1.5", "--preview-features", "sbom-export"]
    document = json.loads(export("runtime", *cyclonedx))
    del document["serialNumber"], document["metadata"]["timestamp"], document["metadata"]["tools"]
    # The project's name in uv.lock is the same for every team.
    document["metadata"]["component"]["name"] = APP_NAME
    for component in document["components"]:
        files = component["externalReferences"]
        component["externalReferences"] = [f for f in files if f["url"].endswith(".whl")]
    lock = json.loads((ROOT / "package-lock.json").read_text())
    for name in NODE_PACKAGES:
        package = lock["packages"][f"node_modules/{name}"]
        purl = f"pkg:npm/{name}@{package['version']}"
        digest = base64.b64decode(package["integrity"].removeprefix("sha512-"), validate=True)
        document["components"].append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": package["version"],
                "hashes": [{"alg": "SHA-512", "content": digest.hex()}],
                "purl": purl,
            }
        )
    return json.dumps(document, indent=2) + "\n"


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(PYTHON.with_name(program)), *arguments],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**installer_environment(), "UV_PYTHON": str(PYTHON)},
        cwd=ROOT,
    )
    if done.returncode:
        raise Failure(f"{program} {arguments[0]} failed; see above.")
    return done.stdout
