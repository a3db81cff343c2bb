"""A stand-in for CodeDeploy, which the local cloud lacks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.aws_stubs import Request, Response, serving

_REPORT = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"


@contextmanager
def codedeploy(reports: list[dict[str, Any]]) -> Iterator[str]:
    """Collect the reports of hooks, and yield the URL."""

    def respond(request: Request) -> Response:
        assert request.headers["X-Amz-Target"] == _REPORT
        reports.append(json.loads(request.body))
        return Response(200, {"Content-Type": "application/x-amz-json-1.1"}, b"{}")

    with serving(respond) as endpoint:
        yield endpoint
