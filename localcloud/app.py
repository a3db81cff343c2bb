"""Synthesizes another environment's stack for the local cloud, less what that can't do."""

from dataclasses import replace

import aws_cdk as cdk

import app
import constants
from backend.component import Backend
from backend.environment import Environment
from backend.functions.platform import HOST


def main() -> None:
    """Synthesize the stack of the environment in the CDK context `environment`."""
    cdk_app = cdk.App()
    environment = app.environment(cdk_app.node.get_context("environment"))
    Backend(cdk_app, environment.stack_name, environment=stand_in(environment))
    cdk_app.synth()


def stand_in(environment: Environment) -> Environment:
    """Return an environment's record without what the local cloud can't do.

    tests/infrastructure/test_local_stand_in.py holds the template equal in all else.
    """
    return replace(
        environment,
        target=None,
        platform=HOST,  # functions run on this machine
        # It refuses a template with CodeDeploy, a composite alarm, an alarm on a formula, or a
        # selection of what to back up.
        database=replace(environment.database, encryption_key=None, backup_retention_days=None),
        # The door finds the API by its tags.
        api=replace(environment.api, tags=constants.LOCAL.api.tags, domain=None),
        monitoring=replace(environment.monitoring, objectives=None, operators=None),
        rollout=None,
    )


if __name__ == "__main__":
    main()
