"""docs/sbom.cdx.json is valid, current, and names all that ships and nothing else."""

import importlib.metadata
import json
import re
import tomllib
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from backend.api.asset import ASSET
from backend.functions import bundling
from backend.functions.bundling import LAMBDA_ARM64
from supplychain import sbom
from tooling.install import ROOT

RENDERER = "pages/swagger-ui/"
DOCUMENT = "backend/api/runtime/static/openapi.json.gz"


@pytest.fixture(autouse=True)
def offline(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "UV_CACHE_DIR", "UV_OFFLINE"):
        monkeypatch.setenv(name, environ[name])


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sbom.SBOM.read_text())
    return content


@pytest.fixture
def shipped(offline: None) -> list[str]:
    """The files in the archive that is deployed."""
    with zipfile.ZipFile(bundling.build(ASSET, LAMBDA_ARM64).path) as archive:
        return archive.namelist()


def test_it_is_what_the_locks_and_the_archive_say() -> None:
    assert sbom.make() == sbom.SBOM.read_text(), "./scripts/sbom writes it"


def test_it_is_valid() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    text = sbom.SBOM.read_text()
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"library"', '"book"')) is not None


def test_nothing_in_it_changes_by_itself(document: Mapping[str, Any]) -> None:
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]


def test_it_names_the_locked_packages_and_the_renderer(document: Mapping[str, Any]) -> None:
    requirements = (ROOT / str(ASSET.requirements)).read_text()
    locked = {
        f"pkg:pypi/{name}@{version}"
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", requirements, re.MULTILINE)
    }
    package = json.loads((ROOT / "package.json").read_text())
    renderer = f"pkg:npm/swagger-ui-dist@{package['devDependencies']['swagger-ui-dist']}"
    assert {component["purl"] for component in document["components"]} == {*locked, renderer}


def test_the_archive_holds_them_and_nothing_else(
    document: Mapping[str, Any], shipped: list[str]
) -> None:
    # The environment of the tests has the same packages, and knows what belongs to which.
    owners = importlib.metadata.packages_distributions()
    own = {str(path) for path in bundling.shipped(ASSET)} | {DOCUMENT}
    found = set()
    for name in shipped:
        top = name.split("/")[0]
        if name.startswith(RENDERER):
            found.add("swagger-ui-dist")
        elif top.endswith(".dist-info"):
            found.add(canonicalize_name(top.split("-")[0]))
        elif top == "__pycache__":
            module = name.split("/")[1].split(".")[0]
            assert f"{module}.py" in shipped
        elif name not in own:
            [owner] = set(owners[top.removesuffix(".py")])
            found.add(canonicalize_name(owner))
    assert found == {component["name"] for component in document["components"]}


def test_each_has_its_licence_and_the_hash_that_is_locked(document: Mapping[str, Any]) -> None:
    locks = (ROOT / str(ASSET.requirements)).read_text()
    for component in document["components"]:
        assert component["licenses"], component["name"]
        [reference] = component["externalReferences"]
        [digest] = reference["hashes"]
        if component["purl"].startswith("pkg:pypi/"):
            assert digest["alg"] == "SHA-256"
            block = locks.split(f"\n{component['name']}==")[1].split("\n    # via")[0]
            assert f"sha256:{digest['content']}" in block
        else:
            assert (digest["alg"], len(digest["content"])) == ("SHA-512", 128)


def test_of_several_wheels_it_names_the_one_that_was_installed() -> None:
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    [wheels] = (package["wheels"] for package in locked if package["name"] == "jsonschema-rs")
    assert len(wheels) > 5
    native = importlib.metadata.distribution("jsonschema-rs")
    wheel = sbom.installed_wheel(native, locked)
    tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
    assert not tags.isdisjoint(sys_tags())
    with pytest.raises(RuntimeError, match="jsonschema-rs was installed from none"):
        sbom.installed_wheel(native, [])
