"""Whether what the pipeline's tests are permitted is what ./scripts/token needs, and no more.

Needs ./scripts/sandbox --enforce-iam.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3
import pytest

from backend.identity import permissions
from constants import LOCAL
from localcloud.emulator import ACCOUNT, REGION

ROOT = Path(__file__).parents[2]
STACK = LOCAL.stack_name
ROLE = "Tests"

type Statement = dict[str, Any]


@pytest.fixture(scope="module")
def statements() -> list[Statement]:
    """One for each action."""
    made = permissions.to_get_a_token(stack_name=STACK, region=REGION, account=ACCOUNT)
    stack = cdk.Stack(cdk.App(), "Stack")
    found = [_plain(stack.resolve(statement.to_statement_json())) for statement in made]
    return [
        {**statement, "Action": action}
        for statement in found
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]


@pytest.fixture(scope="module")
def role() -> str:
    """The ARN of a role that may do nothing yet."""
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    made = boto3.client("iam").create_role(
        RoleName=ROLE, AssumeRolePolicyDocument=_document([anybody])
    )
    return str(made["Role"]["Arn"])


def test_they_suffice_and_none_is_idle(statements: list[Statement], role: str) -> None:
    assert len(statements) == 4
    done = _token(role, statements)
    assert done.returncode == 0, done.stderr
    for missing in statements:
        done = _token(role, [statement for statement in statements if statement != missing])
        assert done.returncode == 1, missing
        assert missing["Action"] in done.stderr


def _token(role: str, statements: list[Statement]) -> subprocess.CompletedProcess[str]:
    """What ./scripts/token says to a role with these permissions."""
    boto3.client("iam").put_role_policy(
        RoleName=ROLE, PolicyName="Token", PolicyDocument=_document(statements)
    )
    taken = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    return subprocess.run(
        [sys.executable, "-m", "localcloud.tokens", "--stack", STACK],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
            "AWS_SESSION_TOKEN": taken["SessionToken"],
        },
    )


def _document(statements: list[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _plain(value: Any) -> Any:
    """The value with the partition that it is deployed to."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(_plain, parts))
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
    return value
