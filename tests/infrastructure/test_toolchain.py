import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

import constants
from backend.identity.infrastructure import Issuer
from localcloud.install import ROOT
from toolchain import Toolchain

PIPELINE = "AWS::CodePipeline::Pipeline"
PROJECT = "AWS::CodeBuild::Project"

JSON = "application/json"
PROBLEM = "application/problem+json"
TOKEN = "header.payload.signature"  # noqa: S105 nobody checks it


@dataclass(frozen=True)
class Deployed:
    """What answers: each a status and a media type; and what prints a token."""

    health: tuple[int, str] = (200, JSON)
    without: tuple[int, str] = (401, JSON)
    user: tuple[int, str] = (404, PROBLEM)
    command: str = f"echo {TOKEN}"


HEALTHY = Deployed()


@pytest.fixture
def pipeline(templates: Mapping[str, Template]) -> Template:
    return templates["toolchain"]


@pytest.fixture
def smoke_test(pipeline: Template) -> list[str]:
    return _commands(pipeline, "SmokeTest")


def test_the_pipeline_builds_updates_itself_and_then_deploys(pipeline: Template) -> None:
    [resource] = pipeline.find_resources(PIPELINE).values()
    assert resource["Properties"]["PipelineType"] == "V2"
    assert [
        (stage["Name"], [action["ActionTypeId"]["Provider"] for action in stage["Actions"]])
        for stage in resource["Properties"]["Stages"]
    ] == [
        ("Source", ["CodeStarSourceConnection"]),
        ("Build", ["CodeBuild"]),
        ("UpdatePipeline", ["CodeBuild"]),
        ("Assets", ["CodeBuild"]),
        ("Production", ["CloudFormation", "CloudFormation", "CodeBuild"]),
    ]


def test_the_source_is_the_branch_that_constants_names(pipeline: Template) -> None:
    configuration = _action(pipeline, "Source", 0)["Configuration"]
    assert configuration == {
        "ConnectionArn": constants.SOURCE_CONNECTION_ARN,
        "FullRepositoryId": constants.SOURCE_REPOSITORY,
        "BranchName": constants.SOURCE_BRANCH,
    }


def test_the_pipeline_may_use_the_connection_under_its_present_name(pipeline: Template) -> None:
    assert any(
        "codeconnections:UseConnection" in statement["Action"]
        and statement["Resource"] == constants.SOURCE_CONNECTION_ARN
        for policy in pipeline.find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )


def test_a_commit_is_tested_before_it_is_synthesized(pipeline: Template) -> None:
    first, *_, last = _commands(pipeline, "Build")
    assert first == "./scripts/test"
    assert "cdk synth" in last
    assert "toolchain.py" in last


def test_what_the_pipeline_installs_has_exact_versions(pipeline: Template) -> None:
    package = json.loads((ROOT / "package.json").read_text())
    installed = [
        command.split()[-1]
        for project in pipeline.find_resources(PROJECT).values()
        for phase in _phases(project).values()
        for command in phase["commands"]
        if command.startswith("npm install")
    ]
    assert sorted(installed) == [
        f"aws-cdk@{package['devDependencies']['aws-cdk']}",
        "cdk-assets@4.7.3",
    ]


def test_the_pipeline_deploys_the_stack_of_production(
    pipeline: Template, templates: Mapping[str, Template], assemblies: Mapping[str, Path]
) -> None:
    deployed = _action(pipeline, "Production", 0)["Configuration"]["StackName"]
    manifest = json.loads((assemblies["production"] / "manifest.json").read_text())
    assert deployed in manifest["artifacts"]
    # Paths of constructs differ in the metadata; nothing that is deployed does.
    assert _without_metadata(templates["stage"]) == _without_metadata(templates["production"])


def test_the_smoke_test_asks_what_was_deployed(pipeline: Template, smoke_test: list[str]) -> None:
    variables = json.loads(
        _action(pipeline, "Production", 2)["Configuration"]["EnvironmentVariables"]
    )
    [endpoint] = [v["value"] for v in variables if v["name"] == "API_ENDPOINT"]
    deployment = _action(pipeline, "Production", 1)
    assert endpoint == f"#{{{deployment['Namespace']}.APIEndpoint}}"
    assert "--fail" in smoke_test[0]
    assert all("$API_ENDPOINT" in command for command in smoke_test if "curl" in command)


def test_the_smoke_test_passes_where_a_token_leads_to_the_function(
    smoke_test: list[str], tmp_path: Path
) -> None:
    done = _run(smoke_test, tmp_path, HEALTHY)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"health": (404, JSON)}, id="unhealthy"),
        pytest.param({"without": (404, PROBLEM)}, id="open to everybody"),
        pytest.param({"without": (403, JSON)}, id="closed by something else"),
        pytest.param({"user": (401, JSON)}, id="its own token is not taken"),
        pytest.param({"user": (404, JSON)}, id="the gateway's own 404"),
        pytest.param({"user": (200, JSON)}, id="a user whom nobody made"),
        pytest.param({"user": (400, PROBLEM)}, id="another problem"),
        pytest.param({"command": "exit 1"}, id="no token"),
    ],
)
def test_the_smoke_test_can_fail(
    change: dict[str, Any], smoke_test: list[str], tmp_path: Path
) -> None:
    assert _run(smoke_test, tmp_path, replace(HEALTHY, **change)).returncode != 0


def test_the_smoke_test_shows_no_token(smoke_test: list[str], tmp_path: Path) -> None:
    done = _run(smoke_test, tmp_path, HEALTHY)
    assert TOKEN not in done.stdout + done.stderr


def test_the_smoke_test_may_read_what_a_token_takes(pipeline: Template) -> None:
    [project] = [n for n, p in pipeline.find_resources(PROJECT).items() if _is(p, "SmokeTest")]
    [role] = pipeline.find_resources(PROJECT)[project]["Properties"]["ServiceRole"]["Fn::GetAtt"][
        :1
    ]
    statements = [
        statement
        for policy in pipeline.find_resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    for action in ("cloudformation:ListStackResources", "apigateway:GET"):
        assert [s for s in statements if s["Action"] == action]
    assert [
        s
        for s in statements
        if s["Action"] == ["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolClient"]
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"target": cdk.Environment(account="222222222222", region="eu-west-1")},
        {"issuer": Issuer(url="https://login.example.com", audience=("users",))},
    ],
)
def test_the_pipeline_asks_for_no_token_where_it_is_not_its_own(
    change: dict[str, Any], context: dict[str, Any]
) -> None:
    stack = Toolchain(
        cdk.App(context=context),
        "Toolchain",
        production=replace(constants.PRODUCTION, **change),
        env=cdk.Environment(account="111111111111", region="eu-west-1"),
    )
    commands = _commands(Template.from_stack(stack), "SmokeTest")
    assert 'test "$answer" = 401' in commands
    assert not [command for command in commands if "token" in command.split()[0]]
    assert "scripts/token" not in str(commands)


@pytest.mark.parametrize(("account", "keys"), [("111111111111", 0), ("222222222222", 1), (None, 0)])
def test_only_another_account_needs_a_key(
    account: str | None, keys: int, context: dict[str, Any]
) -> None:
    stack = Toolchain(
        cdk.App(context=context),
        "Toolchain",
        production=replace(
            constants.PRODUCTION,
            target=cdk.Environment(account=account, region="eu-west-1") if account else None,
        ),
        env=cdk.Environment(account="111111111111", region="eu-west-1"),
    )
    Template.from_stack(stack).resource_count_is("AWS::KMS::Key", keys)


def _run(commands: list[str], folder: Path, deployed: Deployed) -> subprocess.CompletedProcess[str]:
    script = folder / "scripts" / "token"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\ntest "$*" = "--stack NAME" || exit 2\n{deployed.command}\n')
    script.chmod(0o755)
    with _server(deployed) as endpoint:
        return subprocess.run(
            ["/bin/sh", "-ec", "\n".join(commands)],  # CodeBuild too stops at what fails
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": os.defpath, "API_ENDPOINT": endpoint, "STACK": "NAME"},
        )


@contextmanager
def _server(deployed: Deployed) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            has_token = self.headers["Authorization"] == f"Bearer {TOKEN}"
            status, content_type = {
                "/health": deployed.health,
                "/users/-": deployed.user if has_token else deployed.without,
            }[self.path]
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _action(template: Template, stage_name: str, index: int) -> dict[str, Any]:
    [pipeline] = template.find_resources(PIPELINE).values()
    [stage] = [s for s in pipeline["Properties"]["Stages"] if s["Name"] == stage_name]
    action: dict[str, Any] = sorted(stage["Actions"], key=lambda a: a["RunOrder"])[index]
    return action


def _commands(template: Template, step: str) -> list[str]:
    [project] = [
        project for project in template.find_resources(PROJECT).values() if _is(project, step)
    ]
    commands: list[str] = _phases(project)["build"]["commands"]
    return commands


def _is(project: Mapping[str, Any], step: str) -> bool:
    return str(project["Properties"]["Description"]).endswith(f"/{step}")


def _phases(project: Mapping[str, Any]) -> dict[str, Any]:
    phases: dict[str, Any] = json.loads(project["Properties"]["Source"]["BuildSpec"])["phases"]
    return phases


def _without_metadata(template: Template) -> dict[str, Any]:
    resources = template.to_json()["Resources"]
    return {
        logical_id: {key: value for key, value in resource.items() if key != "Metadata"}
        for logical_id, resource in resources.items()
    }
