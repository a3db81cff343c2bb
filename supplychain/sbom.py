"""./scripts/sbom: the bill of materials, in CycloneDX, of what ships in the Lambda function.

Made from the archive that is deployed and from the locks, and the same each time: it has no serial
number and no time.
"""

import base64
import importlib.metadata
import json
import tomllib
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename

from backend.api.asset import ASSET
from backend.functions.bundling import LAMBDA_ARM64, build_packages
from supplychain import licences, settings
from tooling.install import ROOT

SBOM: Final = ROOT / "docs" / "sbom.cdx.json"
_RENDERER: Final = "swagger-ui-dist"


def main() -> None:
    """Write docs/sbom.cdx.json."""
    SBOM.write_text(make())


def make() -> str:
    """The bill of materials, as it is to be committed."""
    packages = build_packages(ASSET, LAMBDA_ARM64)
    assert packages  # noqa: S101 the function has some
    bom = Bom(components=[*_python(packages), _node(_RENDERER)])
    project = settings.project()["project"]
    bom.metadata.component = root = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )
    bom.register_dependency(root, bom.components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["serialNumber"], document["metadata"]["timestamp"]
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _python(archive: Path) -> list[Component]:
    read = settings.read().read_licences
    stated = licences.of_python(archive, read)
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    components = []
    for distribution in importlib.metadata.distributions(path=[str(archive)]):
        name = canonicalize_name(distribution.name)
        wheel = installed_wheel(distribution, locked)
        components.append(
            _component(
                PackageURL("pypi", None, name, distribution.version),
                stated[name],
                {"file_name": wheel["url"].rpartition("/")[2]},
                HashType(alg=HashAlgorithm.SHA_256, content=wheel["hash"].removeprefix("sha256:")),
            )
        )
    return components


def installed_wheel(
    distribution: importlib.metadata.Distribution, locked: list[dict[str, Any]]
) -> dict[str, str]:
    """The `url` and `hash` of the wheel that it was installed from: it says its tags.

    locked: uv.lock's packages. Raises RuntimeError when they have none, or several, such wheels.
    """
    name = canonicalize_name(distribution.name)
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = {
        tag
        for line in lines
        if line.startswith("Tag: ")
        for tag in parse_tag(line.removeprefix("Tag: "))
    }
    found = [
        wheel
        for package in locked
        if (package["name"], package["version"]) == (name, distribution.version)
        for wheel in package["wheels"]
        if parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] == tags
    ]
    if len(found) != 1:
        raise RuntimeError(
            f"{name} was installed from none, or more than one, of uv.lock's wheels."
        )
    return {"url": found[0]["url"], "hash": found[0]["hash"]}


def _node(name: str) -> Component:
    path = ROOT / "package-lock.json"
    entry = json.loads(path.read_text())["packages"][f"node_modules/{name}"]
    digest = base64.b64decode(entry["integrity"].removeprefix("sha512-"), validate=True)
    purl = PackageURL("npm", None, name, entry["version"])
    return _component(
        purl,
        licences.of_node(path, settings.read().read_licences)[name],
        {},
        HashType(alg=HashAlgorithm.SHA_512, content=digest.hex()),
    )


def _component(
    purl: PackageURL, licence: str | None, file: dict[str, str], digest: HashType
) -> Component:
    """The digest is that of the package as it is published; what ships leaves some files out.

    file: qualifiers of its package URL that say which file; an address would be a mirror's or not.
    """
    published = PackageURL(purl.type, None, purl.name, purl.version, file)
    return Component(
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(str(published)),
                hashes=[digest],
            )
        ],
    )


if __name__ == "__main__":
    main()
