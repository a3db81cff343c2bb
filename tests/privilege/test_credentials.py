"""Whether the function's credentials can be computed from what everybody knows.

Needs ./scripts/sandbox --enforce-iam, where a function has credentials of its own.
"""

import hashlib
import os

import boto3
import httpx

from localcloud.hotswap import function_of_the_api


def test_they_are_no_digest_of_names(endpoint: str) -> None:
    assert httpx.get(f"{endpoint}/health", timeout=31).status_code == 200  # the function runs
    assert _status(endpoint, "test", os.environ["AWS_SESSION_TOKEN"]) == 200
    name, alias = function_of_the_api()
    function = boto3.client("lambda").get_function_configuration(FunctionName=name, Qualifier=alias)
    unqualified = function["FunctionArn"].removesuffix(f":{alias}")
    for arn in (unqualified, *(f"{unqualified}:{q}" for q in (alias, function["Version"]))):
        digest = hashlib.sha256(f"{arn}:{function['Role']}".encode()).hexdigest()
        token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
        assert _status(endpoint, f"ASIA{digest[:16].upper()}", token) == 403


def _status(endpoint: str, access_key: str, token: str) -> int:
    scope = f"{access_key}/20261121/us-east-1/dynamodb/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "X-Amz-Security-Token": token,
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
    }
    return httpx.post(endpoint, headers=headers, content="{}", timeout=31).status_code
