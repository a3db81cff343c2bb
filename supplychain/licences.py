"""What packages say they are licensed under, in SPDX's words, and whether that is allowed."""

import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from license_expression import (  # type: ignore[import-untyped] # it has no stubs
    ExpressionError,
    LicenseExpression,
    get_spdx_licensing,
)
from packaging.utils import canonicalize_name

_SPDX: Final = get_spdx_licensing()
# Of the families that a classifier doesn't tell apart, all have to be allowed.
_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-2-Clause AND BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def of_python(folder: Path, read: Mapping[str, str]) -> dict[str, str | None]:
    """An SPDX expression for each package in a folder or archive; None if there is none.

    read: what a person found out, by name; it goes before what the package says.
    """
    return {
        (name := canonicalize_name(distribution.name)): read.get(name) or _stated(distribution)
        for distribution in importlib.metadata.distributions(path=[str(folder)])
    }


def of_node(lock: Path, read: Mapping[str, str]) -> dict[str, str | None]:
    """The same for each package in a package-lock.json."""
    packages = json.loads(lock.read_text())["packages"]
    return {
        name: read.get(name) or _valid(entry.get("license"))
        for path, entry in packages.items()
        if (name := path.rpartition("node_modules/")[2])
    }


def faults(packages: Mapping[str, str | None], allowed: Iterable[str]) -> list[str]:
    """What is not allowed or not known, a line for each package."""
    accepted = frozenset(allowed)
    found = []
    for name, expression in sorted(packages.items()):
        if expression is None:
            found.append(
                f"{name} does not say its licence as SPDX does: find it out, and write it to"
                " tool.supplychain.licences.read in pyproject.toml."
            )
        elif not _is_allowed(_SPDX.parse(expression, validate=True), accepted):
            found.append(
                f"{name} is under {expression}, which is not allowed here: use another package, or"
                " decide, and add it to tool.supplychain.licences in pyproject.toml."
            )
    return found


def _stated(distribution: importlib.metadata.Distribution) -> str | None:
    metadata = distribution.metadata
    for field in ("License-Expression", "License"):
        if found := _valid(metadata.get(field)):
            return found
    names = [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier") or ()
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved"
    ]
    if names and all(name in _CLASSIFIERS for name in names):
        return " AND ".join(_CLASSIFIERS[name] for name in names)
    return None


def _valid(text: str | None) -> str | None:
    """The text, if it is an SPDX expression; else it may be prose, or the licence's whole text."""
    try:
        return str(_SPDX.parse(text, validate=True)) if text else None
    except ExpressionError:
        return None


def _is_allowed(expression: LicenseExpression, allowed: frozenset[str]) -> bool:
    if isinstance(expression, _SPDX.AND):
        return all(_is_allowed(part, allowed) for part in expression.args)
    if isinstance(expression, _SPDX.OR):
        return any(_is_allowed(part, allowed) for part in expression.args)
    return str(expression) in allowed
