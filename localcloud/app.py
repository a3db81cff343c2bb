"""What is deployed to the local cloud in place of an environment that it can't have as it is."""

import dataclasses
from typing import Any, Final

import aws_cdk as cdk

import app
import constants
from backend.component import Backend
from backend.functions.bundling import HOST

# An environment's record, but for what the local cloud can't do; README.md says what it is for.
# tests/infrastructure/test_local_stand_in.py holds the template equal in all else.
OVERRIDES: Final[dict[str, Any]] = {
    "platform": HOST,  # functions run on this machine
    "api_tags": constants.LOCAL.api_tags,  # by which the door finds the API
    "target": None,
    "domain": None,
    "encryption_key": None,
    # It refuses a template with CodeDeploy, a composite alarm, an alarm on a formula, or a
    # selection of what to back up.
    "objectives": None,
    "operators": None,
    "rollout": None,
    "backup_retention": None,
}


def main() -> None:
    """Synthesize the stack of the environment that the context names."""
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
