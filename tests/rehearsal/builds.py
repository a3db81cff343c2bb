"""Runs the builds of the pipeline's template as CodeBuild would."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from localcloud.emulator import REGION
from tooling.install import ROOT

# What CodeBuild sets, as far as an SDK or a tool asks for it. Its credentials answer nothing here:
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
CODEBUILD: Final = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/00000000",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "CODEBUILD_BUILD_SUCCEEDING": "1",
    "LANG": "C.UTF-8",
}
# How this machine reaches the network, where it takes a word.
_NETWORK: Final = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
# The machine's own programs: nothing that this checkout has installed.
PATH: Final = os.pathsep.join(
    folder for folder in os.environ["PATH"].split(os.pathsep) if not folder.startswith(str(ROOT))
)
# The order of https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
_PHASES: Final = ("install", "pre_build", "build", "post_build")


class Build(NamedTuple):
    """One CodeBuild project: its build spec, and the variables that are its own."""

    spec: dict[str, Any]
    variables: dict[str, str]


class Ended(NamedTuple):
    """How a build ended, and all that it printed."""

    status: int
    output: str


def builds(template: Mapping[str, Any]) -> dict[str, Build]:
    """By the pipeline's step, such as "Staging/EndToEnd", or by the project's description."""
    found = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CodeBuild::Project":
            project = resource["Properties"]
            name = project["Description"].rpartition("/Pipeline/")[2]
            variables = {
                variable["Name"]: _resolved(variable["Value"])
                for variable in project["Environment"].get("EnvironmentVariables", [])
            }
            found[name] = Build(json.loads(project["Source"]["BuildSpec"]), variables)
    return found


def run(
    build: Build,
    folder: Path,
    home: Path,
    variables: Mapping[str, str],
    prefix: tuple[str, ...] = (),
) -> Ended:
    """Run its phases in the folder, showing what they print, with these variables and no others.

    home: an empty folder. variables: what the pipeline would add, or take away.
    prefix: a command that gets the shell's as its arguments, such as a sandbox's.
    """
    environment = {
        **CODEBUILD,
        **{name: os.environ[name] for name in _NETWORK if name in os.environ},
        # As in tooling/install.py: a proxy's authority may be known to the machine alone.
        "NODE_USE_SYSTEM_CA": "1",
        "HOME": str(home),
        "PATH": PATH,
        **build.variables,
        **variables,
    }
    script = []
    for phase in _PHASES:
        for command in build.spec["phases"].get(phase, {}).get("commands", []):
            script += [f"echo '[build] {phase}:' {_quoted(command)}", command]
    # One shell for all of them, which stops at the first that fails.
    shell = ["/bin/sh", "-e", "-c", "\n".join(script)]
    started = time.monotonic()
    process = subprocess.Popen(
        [*prefix, *shell],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    with process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            sys.stdout.write(line)
    sys.stdout.write(
        f"[build] ended with {process.returncode} after {time.monotonic() - started:.0f} s\n"
    )
    return Ended(process.returncode, "".join(lines))


def _resolved(value: Any) -> str:
    match value:
        case str():
            return value
        case {"Ref": name}:
            return {"AWS::Region": REGION, "AWS::Partition": "aws"}[name]
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_resolved, parts))
    raise ValueError(value)


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"
