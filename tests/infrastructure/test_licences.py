"""Every package is under a licence that is allowed for what it is used for."""

from email.message import Message
from pathlib import Path

import pytest

from backend.api.asset import ASSET
from backend.functions.bundling import LAMBDA_ARM64, build_packages
from supplychain import licences, settings
from tooling.install import EMULATOR_PYTHON, PYTHON, ROOT, install_group

PACKAGES = Path("lib", "python3.13", "site-packages")


@pytest.fixture(scope="module")
def decided() -> settings.Settings:
    return settings.read()


@pytest.fixture(scope="module")
def tools(decided: settings.Settings) -> list[dict[str, str | None]]:
    """The packages of each environment, and of each folder with a package-lock.json."""
    environments = [
        PYTHON.parents[1],
        EMULATOR_PYTHON.parents[1],
        install_group("scanners"),
        install_group("load"),
    ]
    read = decided.read_licences
    return [
        *(licences.of_python(folder / PACKAGES, read) for folder in environments),
        *(
            licences.of_node(ROOT / folder / "package-lock.json", read)
            for folder in settings.NODE_FOLDERS
        ),
    ]


def test_what_ships(decided: settings.Settings) -> None:
    packages = build_packages(ASSET, LAMBDA_ARM64)
    assert packages
    shipped = licences.of_python(packages, decided.read_licences)
    node = licences.of_node(ROOT / "package-lock.json", decided.read_licences)
    shipped["swagger-ui-dist"] = node["swagger-ui-dist"]
    assert len(shipped) > 5
    assert licences.faults(shipped, decided.shipped_licences) == []


def test_what_builds_and_tests(
    decided: settings.Settings, tools: list[dict[str, str | None]]
) -> None:
    for packages in tools:
        assert packages
        assert licences.faults(packages, decided.tool_licences) == []


def test_every_decision_is_of_use(
    decided: settings.Settings, tools: list[dict[str, str | None]]
) -> None:
    names = {name for packages in tools for name in packages}
    assert decided.read_licences.keys() <= names
    for licence in decided.tool_licences:
        rest = decided.tool_licences - {licence}
        assert any(licences.faults(packages, rest) for packages in tools), licence


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("MIT", None),
        ("MIT OR GPL-3.0-only", None),
        ("MIT AND Apache-2.0", None),
        ("MIT AND GPL-3.0-only", "package is under MIT AND GPL-3.0-only, which is not allowed"),
        ("AGPL-3.0-only", "package is under AGPL-3.0-only, which is not allowed"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "which is not allowed"),
        (None, "package does not say its licence as SPDX does: find it out"),
    ],
)
def test_what_is_not_allowed_is_said(expression: str | None, said: str | None) -> None:
    found = licences.faults({"package": expression}, {"MIT", "Apache-2.0"})
    if said is None:
        assert found == []
    else:
        assert said in found[0]


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"License-Expression": "MIT", "License": "GPL-3.0-only"}, "MIT"),
        ({"License": "Apache-2.0"}, "Apache-2.0"),
        ({"License": "Apache", "Classifier": "OSI Approved :: MIT License"}, "MIT"),
        ({"Classifier": "OSI Approved :: BSD License"}, "BSD-2-Clause AND BSD-3-Clause"),
        ({"Classifier": "Other/Proprietary License"}, None),
        ({"License": "Copyright (c) 2023 the “authors”\n\nPermission is granted"}, None),
        ({}, None),
    ],
)
def test_what_a_package_says_is_read(
    fields: dict[str, str], expression: str | None, tmp_path: Path
) -> None:
    metadata = Message()
    metadata["Name"], metadata["Version"] = "package", "1"
    for name, value in fields.items():
        prefix = "License :: " if name == "Classifier" else ""
        metadata[name] = prefix + value.replace("\n", "\n  ")
    (folder := tmp_path / "package-1.dist-info").mkdir()
    (folder / "METADATA").write_text(metadata.as_string())
    assert licences.of_python(tmp_path, {}) == {"package": expression}
    assert licences.of_python(tmp_path, {"package": "ISC"}) == {"package": "ISC"}
