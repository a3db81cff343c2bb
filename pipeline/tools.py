"""The deployment tools, as package-lock.json locks them."""

import json
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild

# `npm ci` reads these files. toolchain.py copies them into the assembly, which builds start in.
LOCKED: Final = ("package.json", "package-lock.json")
_COMMANDS: Final = (
    # Run no package's scripts, because these builds may assume the roles that deploy.
    "npm ci --ignore-scripts --include=dev",
    'export PATH="$PWD/node_modules/.bin:$PATH"',
)


def install_locked(stack: cdk.Stack) -> None:
    """Make CDK Pipelines install its tools from the lock. Call it once the pipeline is built.

    CDK Pipelines runs `npm install -g` with a name and a version, which checks no hash, and has no
    option for another command.
    """
    for project in stack.node.find_all():
        if isinstance(project, codebuild.CfnProject) and cdk.Stack.of(project) is stack:
            spec = json.loads(stack.resolve(project.source)["buildSpec"])
            if "install" in spec["phases"]:
                spec["phases"]["install"]["commands"] = _COMMANDS
                project.add_property_override("Source.BuildSpec", json.dumps(spec, indent=2))
