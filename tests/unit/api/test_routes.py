"""Every route is tested by sequences of random calls, or elsewhere."""

import pytest

from backend.api.routes import ROUTES
from tests.conformance.model import JUDGES

# By the call that serves a route: why no sequence of calls has it, and what tests it.
ELSEWHERE = {
    "health": "It changes nothing and shows no user: tests/unit/api/test_api.py, tests/smoke.",
    "page": "Pages are the same whatever was called before: tests/unit/api/test_pages.py.",
}


def test_every_route_is_in_the_model_or_tested_elsewhere() -> None:
    if untested := {r.key for r in ROUTES if r.call not in ELSEWHERE} - JUDGES.keys():
        pytest.fail(
            f"No test makes {', '.join(sorted(untested))}. Add it to tests/conformance (calls.py, "
            "JUDGES in model.py, test_states.py), or say in ELSEWHERE, in this file, what tests "
            "it: docs/change.md, Add a route.",
            pytrace=False,
        )
    if gone := JUDGES.keys() - {route.key for route in ROUTES}:
        pytest.fail(f"The API has no {', '.join(sorted(gone))}: remove it from tests/conformance.")
