"""docs/sbom.cdx.json is current, and lists what ships and nothing else, under allowed licences."""

import importlib.metadata
import json
import re
import zipfile
from typing import Any

import pytest

from backend.api import bundling
from backend.api.bundling import LAMBDA_ARM64, RUNTIME
from tooling import lock
from tooling.install import ROOT

RENDERER = "swagger-ui-dist"
DOCUMENT = "pages/openapi.json.gz"
ALLOWED_LICENCES = {"Apache-2.0", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0"}
# Where the metadata has no SPDX expression: what the package's LICENSE says.
LICENCES = {"python-dateutil": "Apache-2.0"}  # or, at the user's choice, BSD-3-Clause


@pytest.fixture(scope="module")
def names() -> set[str]:
    return {component["name"] for component in json.loads(lock.SBOM.read_text())["components"]}


def test_it_is_what_the_locks_say() -> None:
    assert lock.make_sbom() == lock.SBOM.read_text(), "./scripts/lock writes it"


def test_the_function_holds_what_it_lists_and_nothing_else(
    names: set[str], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "UV_CACHE_DIR", "UV_OFFLINE"):
        monkeypatch.setenv(variable, environ[variable])
    with zipfile.ZipFile(bundling.build(RUNTIME, LAMBDA_ARM64).path) as archive:
        shipped = archive.namelist()
    # The environment of the tests has the same packages, and knows which modules are theirs.
    owners = importlib.metadata.packages_distributions()
    own = {path.relative_to(RUNTIME).as_posix() for path in RUNTIME.rglob("*")} | {DOCUMENT}
    found = set()
    for name in shipped:
        top = name.split("/")[0]
        if name.startswith("pages/swagger-ui/"):
            found.add(RENDERER)
        elif top.endswith(".dist-info"):
            found.add(_canonical(top.split("-")[0]))
        elif top == "__pycache__":
            module = name.split("/")[1].split(".")[0]
            assert f"{module}.py" in shipped
        elif name not in own:
            [owner] = set(owners[top.removesuffix(".py")])
            found.add(_canonical(owner))
    assert found == names


def test_all_that_ships_is_under_a_licence_that_is_allowed(names: set[str]) -> None:
    package = json.loads((ROOT / "node_modules" / RENDERER / "package.json").read_text())
    stated = {name: _licence(name) for name in names - {RENDERER}}
    stated |= {RENDERER: package["license"]} | LICENCES
    assert {name: text for name, text in stated.items() if text not in ALLOWED_LICENCES} == {}


def _licence(name: str) -> Any:
    metadata = importlib.metadata.metadata(name)
    return metadata.get("License-Expression") or metadata.get("License")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
