"""Whether the function needs each permission that it has for DynamoDB.

Needs ./scripts/sandbox --enforce-iam, which refuses what a role isn't permitted, and changes that
role. Takes what the deployed role has, so that a permission that is added is tried, too. Those for
logs and traces can't be tried: the local cloud writes a function's log itself, and has no X-Ray.
"""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from localcloud.hotswap import function_of_the_api

ROOT = Path(__file__).parents[2]
# What makes every call with which the function reaches the table, and soon ends.
SUITE = ["tests/end_to_end/test_users.py", "-k", "not at_once"]
_SECONDS = 600
# What the function says in its log of a request that DynamoDB refused: api.py, table.py.
_REFUSALS = ["DynamoDBError", "AccessDeniedException"]

type Document = dict[str, Any]


class Permission(NamedTuple):
    action: str
    resource: str


class Role:
    """The role that a function runs with; all that it may do is in one policy of its own."""

    def __init__(self, name: str) -> None:
        self._iam = boto3.client("iam")
        self._name = name
        attached = self._iam.list_attached_role_policies(RoleName=name)
        assert attached["AttachedPolicies"] == []
        [self._policy] = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        policy = self._iam.get_role_policy(RoleName=name, PolicyName=self._policy)
        self._document: Document = policy["PolicyDocument"]

    def permissions(self, service: str) -> list[Permission]:
        """Each action of the service on each resource."""
        return [
            permission
            for statement in self._document["Statement"]
            for permission in _permissions(statement)
            if permission.action.startswith(f"{service}:")
        ]

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Take the permission away, and nothing else."""
        reduced = copy.deepcopy(self._document)
        statements = [
            {**statement, "Action": kept.action, "Resource": kept.resource}
            for statement in reduced["Statement"]
            for kept in _permissions(statement)
            if kept != permission
        ]
        self._put({**reduced, "Statement": statements})
        try:
            yield
        finally:
            self._put(self._document)

    def _put(self, document: Document) -> None:
        self._iam.put_role_policy(
            RoleName=self._name, PolicyName=self._policy, PolicyDocument=json.dumps(document)
        )


def _permissions(statement: Document) -> list[Permission]:
    return [
        Permission(action, resource)
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.fixture
def configuration(endpoint: str) -> Mapping[str, Any]:
    """The function's."""
    if os.environ.get("AWS_ENDPOINT_URL") != endpoint:
        pytest.fail("Only for ./scripts/sandbox --enforce-iam -- pytest ...", pytrace=False)
    name, alias = function_of_the_api()
    found: Mapping[str, Any] = boto3.client("lambda").get_function_configuration(
        FunctionName=name, Qualifier=alias
    )
    return found


def test_no_permission_for_data_is_idle(configuration: Mapping[str, Any]) -> None:
    role = Role(configuration["Role"].rpartition("/")[2])
    log_group = configuration["LoggingConfig"]["LogGroup"]
    permissions = role.permissions("dynamodb")
    assert permissions
    assert not [permission for permission in permissions if "*" in "".join(permission)]
    assert _failures() == []
    idle = []
    for permission in permissions:
        refused_before = _refusals(log_group)
        with role.without(permission):
            failures = _failures()
        refused = _refusals(log_group) - refused_before
        said = failures[0] if failures else "nothing fails: it is idle"
        print(f"\nwithout {_short(permission)}: {said}", end="")  # noqa: T201 it is the result
        # What fails, fails for this reason, and the function's log says so.
        assert bool(refused) == bool(failures)
        assert _failures() == []
        if not failures:
            idle.append(permission)
    print()  # noqa: T201
    assert idle == []


def _refusals(log_group: str) -> int:
    pages = boto3.client("logs").get_paginator("filter_log_events")
    # Not in one pattern: the local cloud doesn't know a filter's "or".
    return sum(
        len(page["events"])
        for word in _REFUSALS
        for page in pages.paginate(logGroupName=log_group, filterPattern=word)
    )


def _failures() -> list[str]:
    """The first test of the suite that fails, and why; nothing when none does."""
    command = [sys.executable, "-m", "pytest", "-x", "--tb=line", "-p", "no:cacheprovider", *SUITE]
    run = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},  # or why it fails is cut off
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if run.returncode == pytest.ExitCode.OK:
        return []
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    return re.findall(r"^(?:FAILED|ERROR) (.+)", run.stdout, re.MULTILINE)


def _short(permission: Permission) -> str:
    _, _, index = permission.resource.partition("/index/")
    return f"{permission.action} on {f'index {index}' if index else 'the table'}"
