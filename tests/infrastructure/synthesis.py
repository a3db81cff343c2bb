"""Synthesizes an app offline, with values for constants.py."""

import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import constants
from tests.infrastructure.records import CONSTANTS
from tooling.environment import TOOL_SETTINGS
from tooling.install import LOCAL, NODE_FOLDER, ROOT


def variables() -> dict[str, str]:
    """Return variables for processes: without credentials or network, with the checkout's Node."""
    home = LOCAL / "home"  # the sandbox's too
    home.mkdir(exist_ok=True)
    return {
        "PATH": f"{NODE_FOLDER}{os.pathsep}{os.defpath}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "UV_CACHE_DIR": str(LOCAL / "cache" / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **TOOL_SETTINGS,
    }


def cli_context() -> dict[str, Any]:
    """Return the context that the CDK CLI gives every app."""
    flags: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {
        **flags,
        "aws:cdk:enable-path-metadata": True,
        "aws:cdk:enable-asset-metadata": True,
    }


def synthesize(
    main: Callable[[], None],
    arguments: Mapping[str, str],
    folder: Path,
    values: Mapping[str, Any] = CONSTANTS,
) -> None:
    """Run an app. A finding of the CDK's own validation is an error.

    Args:
        main: The app.
        arguments: The arguments of -c.
        folder: Takes the cloud assembly.
        values: What the app finds in constants.py; {} for what is there.
    """
    context = {**cli_context(), **arguments}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "UV_CACHE_DIR", "UV_NO_CONFIG", "UV_OFFLINE"):
            patch.setenv(name, variables()[name])
        for name, value in values.items():
            patch.setattr(constants, name, value)
        patch.setattr(cdk, "App", functools.partial(cdk.App, context=context, outdir=str(folder)))
        main()
