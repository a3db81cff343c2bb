"""Synthesizes another environment's stack for the local cloud, less what that can't do."""

import dataclasses
from typing import Any, Final

import aws_cdk as cdk

import app
import constants
from backend.component import Backend
from backend.functions.bundling import HOST

# Members of the environment's record that have another value on the local cloud. In all else the
# template is equal: tests/infrastructure/test_local_stand_in.py.
OVERRIDES: Final[dict[str, Any]] = {
    "platform": HOST,  # functions run on this machine
    "api_tags": constants.LOCAL.api_tags,  # the door leads to the API with this id
    "target": None,
    "domain": None,
    "encryption_key": None,
    # The emulator refuses a template with CodeDeploy, a composite alarm, an alarm on a metric
    # formula, or a backup selection.
    "objectives": None,
    "operators": None,
    "rollout": None,
    "backup_retention": None,
}


def main() -> None:
    """Synthesize the stack of the environment in the CDK context `environment`."""
    cdk_app = cdk.App()
    environment = app.environment(cdk_app.node.get_context("environment"))
    Backend(
        cdk_app,
        environment.stack_name,
        environment=dataclasses.replace(environment, **OVERRIDES),
    )
    cdk_app.synth()


if __name__ == "__main__":
    main()
