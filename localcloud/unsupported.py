"""Applies settings that the emulator drops from a CloudFormation template, through its API."""

import json
from pathlib import Path
from typing import Final

import boto3

from localcloud.emulator import API_ID
from localcloud.hotswap import cloud_failures_explained

_API: Final = "AWS::ApiGatewayV2::Api"


def apply_cors(assembly: Path) -> None:
    """Give the deployed API the CORS settings of its template.

    Args:
        assembly: The synthesized application, which has one API.

    Raises:
        Failure: The local cloud refuses.
    """
    [api] = [
        resource["Properties"]
        for path in assembly.glob("*.template.json")
        for resource in json.loads(path.read_text())["Resources"].values()
        if resource["Type"] == _API
    ]
    with cloud_failures_explained():
        gateway = boto3.client("apigatewayv2")
        if cors := api.get("CorsConfiguration"):
            gateway.update_api(ApiId=API_ID, CorsConfiguration=cors)
        else:
            gateway.delete_cors_configuration(ApiId=API_ID)
