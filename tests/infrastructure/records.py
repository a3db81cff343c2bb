"""The environments as they are before a team fills in accounts, regions and addresses."""

from dataclasses import replace

import constants
from backend.environment import Environment
from backend.monitoring.options import Operators


def unfilled(record: Environment) -> Environment:
    """Return the record without accounts, and without addresses if it has operators."""
    has_operators = record.monitoring.operators is not None
    return replace(
        with_operators(record, Operators(pages=(), tickets=())) if has_operators else record,
        target=None,
        pipeline_account=None,
    )


def with_operators(record: Environment, operators: Operators) -> Environment:
    return replace(record, monitoring=replace(record.monitoring, operators=operators))


STAGING = unfilled(constants.STAGING)
PRODUCTION = unfilled(constants.PRODUCTION)
