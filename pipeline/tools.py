"""The tools that deploy, as package-lock.json has them."""

import json
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild

# What `npm ci` reads. toolchain.py puts it into the assembly, where these builds begin.
LOCKED: Final = ("package.json", "package-lock.json")
_COMMANDS: Final = (
    # Their builds may take the roles that deploy: no package's script runs there.
    "npm ci --ignore-scripts --include=dev",
    'export PATH="$PWD/node_modules/.bin:$PATH"',
)


def install_locked(stack: cdk.Stack) -> None:
    """Replace how CDK Pipelines installs its tools. Call it once the pipeline is built.

    It would run `npm install -g` with a name and a version, which compares no hash, and has no
    property for another way.
    """
    for project in stack.node.find_all():
        if isinstance(project, codebuild.CfnProject) and cdk.Stack.of(project) is stack:
            spec = json.loads(stack.resolve(project.source)["buildSpec"])
            if "install" in spec["phases"]:
                spec["phases"]["install"]["commands"] = _COMMANDS
                project.add_property_override("Source.BuildSpec", json.dumps(spec, indent=2))
