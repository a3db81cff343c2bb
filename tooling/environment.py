"""The environment of every script: the caller's, without variables that change what tools do.

Runs on any Python since 3.9.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_LOCAL = Path(__file__).resolve().parents[1] / ".local"

# Variables of shells, Python, Node, git and the tools: each may change what is installed, built or
# tested, or lead to another checkout than this one.
_STEERING = re.compile(
    r"(BASH_FUNC_|CDK_|CONDA_|GIT_|HYPOTHESIS_|JSII_|MYPY|NODE_|NPM_CONFIG_|PIP_|PYENV_|PYTHON|RUFF_|UV_"
    r"|VIRTUAL_ENV).*"
    r"|BASH_ENV|CDPATH|CLASSPATH|ENV|_JAVA_OPTIONS|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS"
    r"|PYTEST_(ADDOPTS|DISABLE_PLUGIN_AUTOLOAD|PLUGINS)",
    re.IGNORECASE,
)
# The exceptions say how to reach the network, or where npm's settings for that are.
_NETWORK = re.compile(
    r"NODE_AUTH_TOKEN|NODE_EXTRA_CA_CERTS|NODE_USE_ENV_PROXY|UV_HTTP_TIMEOUT"
    r"|UV_PYTHON_INSTALL_MIRROR"
    r"|NPM_CONFIG_(USERCONFIG|//.*|(@.*:)?REGISTRY|(HTTPS?[-_])?PROXY|NOPROXY|CA|CAFILE"
    r"|STRICT[-_]SSL)",
    re.IGNORECASE,
)
_NPM = "npm_config_"

# What the CDK and uv run with, wherever they run.
TOOL_SETTINGS = {
    # Keeps the CDK's caches, hundreds of megabytes, out of the home folder.
    "CDK_HOME": str(_LOCAL / "cdk"),
    "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(_LOCAL / "jsii"),
    "UV_CACHE_DIR": str(_LOCAL / "cache" / "uv"),
    "NODE_COMPILE_CACHE": str(_LOCAL / "node"),
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "UV_NO_CONFIG": "1",
    "UV_NO_BUILD": "1",  # what builds a package is in no lock
    # The machine's certificate authorities, for those behind a proxy that has its own.
    "UV_SYSTEM_CERTS": "1",
    "NODE_USE_SYSTEM_CA": "1",
}


def clean() -> dict[str, str]:
    """Return the caller's environment without steering variables, with caches in the checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _STEERING.fullmatch(name) or _NETWORK.fullmatch(name)
    }
    return {**kept, **TOOL_SETTINGS}


def enter() -> None:
    """Replace this process's environment by clean()."""
    wanted = clean()
    os.environ.clear()
    os.environ.update(wanted)


def for_installing() -> dict[str, str]:
    """Return the environment for uv and npm: caches in the checkout, no settings of the user.

    npm's network settings stay, from its variables and from the user's .npmrc.
    """
    variables = clean()
    file = Path.home() / ".npmrc"
    for name in [name for name in variables if name.lower() == f"{_NPM}userconfig"]:
        file = Path(variables.pop(name))
    temporary = _LOCAL / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **_npm_network(file),
        **variables,
        "TMPDIR": str(temporary),
        "UV_PYTHON_INSTALL_DIR": str(_LOCAL / "python"),
        "NODE_DISABLE_COMPILE_CACHE": "1",
        f"{_NPM}cache": str(_LOCAL / "cache" / "npm"),
        f"{_NPM}update_notifier": "false",
        # These files don't exist. npm refuses the same path for both.
        f"{_NPM}userconfig": str(_LOCAL / "npmrc" / "user"),
        f"{_NPM}globalconfig": str(_LOCAL / "npmrc" / "global"),
    }


def _npm_network(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:  # the file is optional
        return {}
    pairs = (line.partition("=") for line in lines)
    settings = {_NPM + name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    return {name: value for name, value in settings.items() if _NETWORK.fullmatch(name)}
