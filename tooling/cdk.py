"""Runs the locked CDK CLI on the checkout's Node, with the caller's AWS credentials."""

import os
import sys

from tooling.install import NODE_FOLDER, ROOT, tool_environment


def main() -> None:
    """Replace this process by the CLI, in the checkout, with the command line's arguments."""
    os.chdir(ROOT)
    command = [str(NODE_FOLDER / "node"), "node_modules/aws-cdk/bin/cdk", *sys.argv[1:]]
    os.execve(command[0], command, tool_environment())  # noqa: S606
