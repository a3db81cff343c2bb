"""docs/sbom.cdx.json lists what ships and nothing else, under allowed licences."""

import importlib.metadata
import json
import re
import zipfile
from typing import Any

import pytest

from backend.api.asset import ASSET
from backend.functions import bundling
from backend.functions.platform import LAMBDA_ARM64
from tooling import lock
from tooling.install import ROOT

ALLOWED_LICENCES = {"Apache-2.0", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0"}
# Where the metadata has no SPDX expression: what the package's LICENSE says.
LICENCES = {"python-dateutil": "Apache-2.0"}  # or, at the user's choice, BSD-3-Clause


@pytest.fixture(scope="module")
def names() -> set[str]:
    return {component["name"] for component in json.loads(lock.SBOM.read_text())["components"]}


def test_the_function_holds_what_it_lists_and_nothing_else(
    names: set[str], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "UV_CACHE_DIR", "UV_OFFLINE"):
        monkeypatch.setenv(variable, environ[variable])
    with zipfile.ZipFile(bundling.build(ASSET, LAMBDA_ARM64).path) as archive:
        # Bytecode belongs to its module.
        shipped = {re.sub(r"__pycache__/(\w+)\..*", r"\1.py", name) for name in archive.namelist()}
    # The environment of the tests has the same packages, and knows which modules are theirs.
    owners = importlib.metadata.packages_distributions()
    assert ASSET.files.keys() <= shipped
    found = set(lock.NODE_PACKAGES)
    for name in shipped - {*map(str, bundling.shipped(ASSET)), *ASSET.files}:
        top = name.split("/")[0]
        owner = top.split("-")[0] if top.endswith(".dist-info") else owners[top.split(".")[0]][0]
        found.add(re.sub(r"[-_.]+", "-", owner).lower())
    assert found == names


def test_all_that_ships_is_under_a_licence_that_is_allowed(names: set[str]) -> None:
    stated = {name: _licence(name) for name in names - {*lock.NODE_PACKAGES}}
    for name in lock.NODE_PACKAGES:
        package = json.loads((ROOT / "node_modules" / name / "package.json").read_text())
        stated[name] = package["license"]
    stated |= LICENCES
    if others := {n: text for n, text in stated.items() if text not in ALLOWED_LICENCES}:
        pytest.fail(
            f"{others}: take the package out, or allow its licence in ALLOWED_LICENCES of "
            "tests/infrastructure/test_sbom.py. If a package's metadata has no SPDX expression, "
            "name its licence in LICENCES.",
            pytrace=False,
        )


def _licence(name: str) -> Any:
    metadata = importlib.metadata.metadata(name)
    return metadata.get("License-Expression") or metadata.get("License")
