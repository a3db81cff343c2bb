"""The environments as they are before somebody fills in accounts, regions and addresses."""

from dataclasses import replace

import constants
from backend.monitoring.objectives import Operators


def unfilled(record: constants.Environment) -> constants.Environment:
    """The record, for whichever account, with operators that nothing reaches if it has any."""
    return replace(
        record,
        target=None,
        pipeline_account=None,
        operators=record.operators and Operators(pages=(), tickets=()),
    )


STAGING = unfilled(constants.STAGING)
PRODUCTION = unfilled(constants.PRODUCTION)
