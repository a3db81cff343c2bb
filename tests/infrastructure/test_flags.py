"""Every feature flag of the pinned CDK is decided: docs/decisions/0006-feature-flags.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tooling.install import ROOT

# Otherwise than recommended; the page says why.
OTHERWISE = {"@aws-cdk/core:enableAdditionalMetadataCollection"}


@pytest.fixture(scope="module")
def flags(assemblies: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """What the library says of its flags, as the app sets them."""
    manifest = json.loads((assemblies["production"] / "manifest.json").read_text())
    [report] = [
        artifact
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "cdk:feature-flag-report"
    ]
    found: dict[str, dict[str, Any]] = report["properties"]["flags"]
    return found


def test_none_is_left_undecided(flags: dict[str, dict[str, Any]]) -> None:
    undecided = {
        name
        for name, flag in flags.items()
        # Some are what is recommended without being set, since version 2.
        if flag.get("userValue", flag.get("unconfiguredBehavesLike", {}).get("v2", False))
        != flag["recommendedValue"]
    }
    assert undecided == OTHERWISE
    assert all("userValue" in flags[name] for name in OTHERWISE)


def test_none_is_set_that_the_library_does_not_have(flags: dict[str, dict[str, Any]]) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert {name for name in context if name.startswith("@")} <= set(flags)


def test_the_page_names_what_is_otherwise() -> None:
    page = (ROOT / "docs" / "decisions" / "0006-feature-flags.md").read_text()
    assert all(name in page for name in OTHERWISE)
