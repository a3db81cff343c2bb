"""Deploys the component to one environment, by default a developer's sandbox.

./scripts/cdk deploy                            the developer's sandbox
./scripts/cdk deploy -c developer=jane          Jane's sandbox, beside others in the account
./scripts/cdk synth -c environment=production   another environment
"""

import re

import aws_cdk as cdk

import constants
from backend.component import Backend
from backend.environment import Environment


def main() -> None:
    """Synthesize the stack of the environment that `-c environment=` names."""
    app = cdk.App()
    record = environment(app.node.get_context("environment"))
    name = record.stack_name
    if (developer := app.node.try_get_context("developer")) is not None:
        name = f"{name}-{_checked(developer)}"
    Backend(app, name, environment=record)
    app.synth()


def environment(name: str) -> Environment:
    """Return the record of an environment.

    Raises:
        SystemExit: There is no such environment.
    """
    if name not in constants.ENVIRONMENTS:
        raise SystemExit(
            f"There is no environment {name!r}; -c environment= takes one of "
            f"{', '.join(constants.ENVIRONMENTS)}."
        )
    return constants.ENVIRONMENTS[name]


def _checked(developer: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,40}", developer):
        raise SystemExit(
            f"-c developer={developer!r} can't be part of a stack's name: "
            "use 1 to 40 letters, digits and hyphens."
        )
    return developer


if __name__ == "__main__":
    main()
