"""What pyproject.toml decides about dependencies, in [tool.supplychain]."""

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tooling.install import ROOT

# Each has a package.json and a package-lock.json.
NODE_FOLDERS: Final = (".", "tests/browser", "tests/openapi", "tests/workflow")


@dataclass(frozen=True)
class AcceptedAdvisory:
    """An advisory that is known and lived with.

    id: any of those that it has: GHSA-…, CVE-…, PYSEC-….
    until: the last day on which it is accepted.
    """

    id: str
    reason: str
    until: datetime.date


@dataclass(frozen=True)
class Settings:
    """[tool.supplychain].

    shipped_licences, tool_licences: SPDX ids that may be in what ships, and in what builds and
        tests it.
    read_licences: of packages that don't say in SPDX's words what they are under, by name.
    within_major: packages that ./scripts/upgrade keeps to their major version.
    """

    shipped_licences: frozenset[str]
    tool_licences: frozenset[str]
    read_licences: Mapping[str, str]
    within_major: frozenset[str]
    accepted_advisories: tuple[AcceptedAdvisory, ...]


def read(root: Path = ROOT) -> Settings:
    """Of the checkout; raises KeyError or TypeError when something is missing or misspelt."""
    table = project(root)["tool"]["supplychain"]
    return Settings(
        shipped_licences=frozenset(table["licences"]["shipped"]),
        tool_licences=frozenset((*table["licences"]["shipped"], *table["licences"]["tools"])),
        read_licences=table["licences"]["read"],
        within_major=frozenset(table["within-major"]),
        accepted_advisories=tuple(
            AcceptedAdvisory(**entry) for entry in table["accepted-advisories"]
        ),
    )


def project(root: Path = ROOT) -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())


def groups(root: Path = ROOT) -> list[str]:
    """The dependency groups that, together, hold all that uv.lock has."""
    every = project(root)["dependency-groups"]
    included = {
        entry["include-group"]
        for entries in every.values()
        for entry in entries
        if isinstance(entry, dict)
    }
    return [name for name in every if name not in included]
