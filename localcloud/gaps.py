"""What the emulator drops from a template in silence, done by its API after a deployment."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3

from localcloud.emulator import API_ID
from localcloud.hotswap import the_cloud_answers

_API: Final = "AWS::ApiGatewayV2::Api"


def fill(assembly: Path) -> None:
    """Give the API the CORS that the deployed template has for it; the template has one API.

    Raises Failure.
    """
    [api] = _resources(assembly, _API)
    with the_cloud_answers():
        gateway = boto3.client("apigatewayv2")
        if cors := api.get("CorsConfiguration"):
            gateway.update_api(ApiId=API_ID, CorsConfiguration=cors)
        else:
            gateway.delete_cors_configuration(ApiId=API_ID)


def _resources(assembly: Path, kind: str) -> Iterator[dict[str, Any]]:
    for path in assembly.glob("*.template.json"):
        for resource in json.loads(path.read_text())["Resources"].values():
            if resource["Type"] == kind:
                yield resource["Properties"]
