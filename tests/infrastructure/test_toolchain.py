import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from backend.environment import Environment, Target
from backend.identity.options import IdentityOptions, Issuer
from tests.infrastructure.records import APP_NAME, CONSTANTS, PRODUCTION, STAGING, WAVES
from tests.infrastructure.stages import picture
from toolchain import Toolchain
from tooling.install import NODE_FOLDER, ROOT

PIPELINE = "AWS::CodePipeline::Pipeline"
PROJECT = "AWS::CodeBuild::Project"
ACCOUNT = "111111111111"
REGION = "eu-west-1"
ABROAD = Target(account="222222222222", region="us-west-2")
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/1"
OPEN_TESTS = "tests/smoke/test_without_token.py"
UNFILLED_CONNECTION = CONSTANTS["SOURCE_CONNECTION_ARN"]

type Waves = Sequence[Sequence[Environment]]


@pytest.fixture(scope="module")
def unfilled(context: dict[str, Any]) -> Toolchain:
    """As it is before anybody fills in constants.py."""
    return _toolchain(
        context,
        WAVES,
        None,
        construct_id=f"{APP_NAME}-Toolchain",
        repository="OWNER/REPOSITORY",
        connection_arn=UNFILLED_CONNECTION,
    )


@pytest.fixture(scope="module")
def pipeline(unfilled: Toolchain) -> Template:
    return Template.from_stack(unfilled)


@pytest.fixture(scope="module")
def own(assemblies: Mapping[str, Path]) -> Template:
    """As toolchain.py makes it of the tests' own records."""
    return _read(assemblies["toolchain"], f"{APP_NAME}-Toolchain")


@pytest.fixture
def filled(context: dict[str, Any]) -> Any:
    """Makes the template of a toolchain whose constants are filled, for these waves."""

    def make(waves: Waves = WAVES) -> Template:
        return Template.from_stack(_toolchain(context, waves))

    return make


def test_the_pipeline_builds_updates_itself_and_then_deploys(pipeline: Template) -> None:
    [resource] = pipeline.find_resources(PIPELINE).values()
    assert resource["Properties"]["PipelineType"] == "V2"
    assert [
        (
            stage["Name"],
            [name for name, _ in groupby(a["ActionTypeId"]["Provider"] for a in _in_order(stage))],
        )
        for stage in resource["Properties"]["Stages"]
    ] == [
        ("Source", ["CodeStarSourceConnection"]),
        ("Build", ["CodeBuild"]),
        ("UpdatePipeline", ["CodeBuild"]),
        ("Assets", ["CodeBuild"]),
        ("Staging", ["CloudFormation", "CodeBuild"]),
        ("Production", ["Manual", "CloudFormation", "CodeBuild"]),
    ]


def test_the_source_is_a_clone_of_the_branch_that_constants_names(
    own: Template,
) -> None:
    [action] = _actions(own, "Source")
    assert action["Configuration"] == {
        "ConnectionArn": UNFILLED_CONNECTION,
        "FullRepositoryId": "OWNER/REPOSITORY",
        "BranchName": "main",
        "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
    }


@pytest.mark.parametrize("step", ["Build/Build", "Staging/EndToEnd", "Production/Smoke"])
def test_who_clones_may_use_the_connection_under_its_present_name(
    step: str, pipeline: Template
) -> None:
    assert _may_use_the_connection(_permissions(pipeline, step))


def test_the_pipeline_may_use_the_connection_under_its_present_name(pipeline: Template) -> None:
    [resource] = pipeline.find_resources(PIPELINE).values()
    [role] = resource["Properties"]["RoleArn"]["Fn::GetAtt"][:1]
    assert _may_use_the_connection(_permissions_of(pipeline, role))


def test_a_commit_is_tested_before_it_is_synthesized(pipeline: Template) -> None:
    assert _commands(pipeline, "Build/Build") == [
        "./scripts/test",
        "./scripts/cdk synth --quiet --app '.venv/bin/python toolchain.py'",
    ]


def test_the_build_calls_what_the_page_on_tests_says(pipeline: Template) -> None:
    page = "".join((ROOT / path).read_text() for path in ("README.md", "docs/tests.md"))
    for step in ("Build/Build", "Staging/EndToEnd", "Production/Smoke"):
        for command in _commands(pipeline, step):
            [script] = [word for word in command.split() if "/" in word][:1] or ["export"]
            assert script in page or command == "export API_TOKEN", command


def test_a_pull_request_is_built_as_the_pipeline_builds(pipeline: Template) -> None:
    [built] = [p for p in _projects(pipeline) if p["Description"].endswith("/Build/Build")]
    specs = [json.loads(p["Source"]["BuildSpec"]) for p in (built, _pull_requests(pipeline))]
    # What the pipeline hands on is what was synthesized.
    assert specs[0].pop("artifacts") == {"base-directory": "cdk.out", "files": ["**/*"]}
    assert specs[0] == specs[1]
    image, compute = (
        {p["Environment"][key] for p in (built, _pull_requests(pipeline))}
        for key in ("Image", "ComputeType")
    )
    assert len(image) == len(compute) == 1


def test_a_pull_request_is_built_when_it_changes_and_its_state_is_shown(filled: Any) -> None:
    project = _pull_requests(filled())
    assert project["Source"]["Type"] == "GITHUB"
    assert project["Source"]["Location"] == "https://github.com/acme/users.git"
    assert project["Source"]["ReportBuildStatus"] is True
    assert project["Source"]["Auth"] == {"Type": "CODECONNECTIONS", "Resource": CONNECTION}
    assert project["Triggers"]["Webhook"] is True
    [filters] = project["Triggers"]["FilterGroups"]
    assert {f["Type"]: f["Pattern"] for f in filters} == {
        "EVENT": "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED",
        "BASE_REF": "refs/heads/main",
    }


def test_a_fork_is_built_when_somebody_has_looked_and_finds_no_secret(pipeline: Template) -> None:
    project = _pull_requests(pipeline)
    policy = project["Triggers"]["PullRequestBuildPolicy"]
    assert policy["RequiresCommentApproval"] == "FORK_PULL_REQUESTS"
    assert "GITHUB_READ" not in policy["ApproverRoles"]
    assert "EnvironmentVariables" not in project["Environment"]
    assert project["Cache"] == {"Type": "NO_CACHE"}
    [role] = project["ServiceRole"]["Fn::GetAtt"][:1]
    actions = {
        action
        for statement in _permissions_of(pipeline, role)
        for action in _listed(statement["Action"])
    }
    assert {action.split(":")[0] for action in actions} == {"codebuild", "codeconnections", "logs"}
    assert {action for action in actions if action.startswith("codeconnections:")} == {
        "codeconnections:GetConnection",
        "codeconnections:GetConnectionToken",
    }


def test_nothing_that_was_built_is_cached(pipeline: Template) -> None:
    for project in _projects(pipeline):
        spec = json.loads(project["Source"]["BuildSpec"])
        assert spec.get("cache", {"paths": []})["paths"] in ([], [".local/cache/**/*"])


@pytest.mark.parametrize("step", ["Build/Build", "Staging/EndToEnd", "Production/Smoke"])
def test_each_run_of_tests_is_reported(step: str, pipeline: Template) -> None:
    [report] = _spec(pipeline, step)["reports"].values()
    assert report == {
        "files": ["*.xml"],
        "base-directory": ".local/reports",
        "file-format": "JUNITXML",
    }
    assert [s for s in _permissions(pipeline, step) if "codebuild:CreateReport" in s["Action"]]


def test_what_deploys_installs_the_locked_tools_and_runs_no_script_of_theirs(
    pipeline: Template, assemblies: Mapping[str, Path]
) -> None:
    specs = [json.loads(project["Source"]["BuildSpec"]) for project in _projects(pipeline)]
    assert "npm install" not in str(specs)
    installing = [spec["phases"] for spec in specs if "install" in spec["phases"]]
    tools = [phases["build"]["commands"][0].split()[0] for phases in installing]
    assert set(tools) == {"cdk", "cdk-assets"}
    for phases in installing:
        npm, path = phases["install"]["commands"]
        assert npm == "npm ci --ignore-scripts --include=dev"
        assert path == 'export PATH="$PWD/node_modules/.bin:$PATH"'
    # Beside what they deploy is what `npm ci` reads.
    for name in ("package.json", "package-lock.json"):
        assert (assemblies["toolchain"] / name).read_text() == (ROOT / name).read_text()


def test_cdk_assets_reads_what_the_library_writes(
    assemblies: Mapping[str, Path], environ: dict[str, str]
) -> None:
    """The pipeline publishes with it: it is of another release than the CLI, sometimes behind."""
    program = ROOT / "node_modules" / "cdk-assets" / "bin" / "cdk-assets"
    manifests = [path for f in assemblies.values() for path in f.rglob("*.assets.json")]
    assert manifests
    for manifest in manifests:
        done = subprocess.run(
            [str(NODE_FOLDER / "node"), str(program), "--path", str(manifest), "ls"],
            check=False,
            capture_output=True,
            text=True,
            env=environ,
        )
        assert done.returncode == 0, done.stderr
        for digest in json.loads(manifest.read_text())["files"]:
            assert digest in done.stdout


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_pipeline_deploys_the_stack_of_each_environment(
    name: str, own: Template, templates: Mapping[str, Template], assemblies: Mapping[str, Path]
) -> None:
    [pipeline] = own.find_resources(PIPELINE).values()
    deployed = {
        action["Configuration"].get("StackName")
        for stage in pipeline["Properties"]["Stages"]
        for action in stage["Actions"]
    }
    manifest = json.loads((assemblies[name] / "manifest.json").read_text())
    assert deployed & manifest["artifacts"].keys()
    # Paths of constructs differ in the metadata; nothing that is deployed does.
    [stage] = assemblies["toolchain"].glob(f"assembly-*-{name.capitalize()}")
    assert _without_metadata(_read(stage, "*")) == _without_metadata(templates[name])


@pytest.mark.parametrize(
    ("step", "tests"),
    [
        ("Staging/EndToEnd", ["tests/smoke", "tests/end_to_end"]),
        ("Production/Smoke", ["tests/smoke"]),
    ],
)
def test_what_was_deployed_is_tested_with_a_token(
    step: str, tests: list[str], pipeline: Template
) -> None:
    install, get_token, export, run = _commands(pipeline, step)
    assert install == "./scripts/run"
    assert './scripts/token --stack "$STACK")' in get_token
    assert export == "export API_TOKEN"
    assert run.split()[2:] == tests
    for path in tests:
        assert (ROOT / path).is_dir()
    stage, _ = step.split("/")
    *_, deployment, action = _actions(pipeline, stage)
    [endpoint] = [
        variable["value"]
        for variable in json.loads(action["Configuration"]["EnvironmentVariables"])
        if variable["name"] == "API_ENDPOINT"
    ]
    assert endpoint == f"#{{{deployment['Namespace']}.APIEndpoint}}"
    assert _variables(pipeline, step)["STACK"] == f"{APP_NAME}-{stage}"


@pytest.mark.parametrize("step", ["Staging/EndToEnd", "Production/Smoke"])
def test_the_tests_may_read_what_a_token_takes_and_no_more(step: str, pipeline: Template) -> None:
    # The rest is CodeBuild's own: logs, reports, the artifacts, the connection.
    own = {
        action: str(statement["Resource"])
        for statement in _permissions(pipeline, step)
        for action in _listed(statement["Action"])
        if action.split(":")[0]
        not in {"logs", "codebuild", "s3", "kms", "codeconnections", "codestar-connections"}
    }
    assert own.keys() == {
        "cloudformation:ListStackResources",
        "apigateway:GET",
        "cognito-idp:DescribeUserPool",
        "cognito-idp:DescribeUserPoolClient",
    }
    stage = step.partition("/")[0]
    assert f"stack/{APP_NAME}-{stage}/*" in own["cloudformation:ListStackResources"]


def test_only_one_who_must_approve_is_asked(filled: Any) -> None:
    waves = [[STAGING], [replace(PRODUCTION, approval=False)]]
    providers = [
        action["ActionTypeId"]["Provider"]
        for [resource] in [filled(waves).find_resources(PIPELINE).values()]
        for stage in resource["Properties"]["Stages"]
        for action in stage["Actions"]
    ]
    assert "Manual" not in providers


def test_the_regions_of_a_wave_are_deployed_side_by_side_once_one_person_approved(
    filled: Any,
) -> None:
    regions = [
        replace(
            PRODUCTION,
            name=f"Production-{name}",
            target=Target(account=ACCOUNT, region=region),
            approval=name == "EU",
        )
        for name, region in (("EU", REGION), ("US", "us-west-2"))
    ]
    template = filled([[STAGING], regions])
    approve, *rest = _actions(template, "Production-EU-Production-US")
    assert approve["ActionTypeId"]["Provider"] == "Manual"
    assert {a["RunOrder"] for a in rest} == {2, 3, 4}
    tests = [a for a in rest if a["ActionTypeId"]["Provider"] == "CodeBuild"]
    assert [a["RunOrder"] for a in tests] == [4, 4]
    regions_tested = {
        _variables_of(p)["REGION"]
        for p in _projects(template)
        if p["Description"].endswith("Smoke")
    }
    assert regions_tested == {REGION, "us-west-2"}


def test_in_another_account_the_tests_take_a_role_that_the_stack_has(
    filled: Any, context: dict[str, Any]
) -> None:
    staging = replace(STAGING, target=ABROAD, pipeline_account=ACCOUNT)
    template = filled([[staging]])
    [get_token] = [c for c in _commands(template, "Staging/EndToEnd") if "scripts/token" in c]
    assert '--role "$ROLE")' in get_token
    role = _variables(template, "Staging/EndToEnd")["ROLE"]
    assert f"::222222222222:role/{APP_NAME}-Staging-Tokens" in str(role)
    assert _variables(template, "Staging/EndToEnd")["REGION"] == "us-west-2"
    statements = _permissions(template, "Staging/EndToEnd")
    assert {"Action": "sts:AssumeRole", "Effect": "Allow", "Resource": role} in statements
    assert not [s for s in statements if "cognito" in str(s["Action"])]

    deployed = _deployed(context, staging)
    [(logical_id, found)] = [
        (logical_id, resource["Properties"])
        for logical_id, resource in deployed.find_resources("AWS::IAM::Role").items()
        if "RoleName" in resource["Properties"]
    ]
    assert found["RoleName"] == f"{APP_NAME}-Staging-Tokens"
    [trusted] = found["AssumeRolePolicyDocument"]["Statement"]
    assert ACCOUNT in str(trusted["Principal"])
    assert {
        action
        for statement in _permissions_of(deployed, logical_id)
        for action in _listed(statement["Action"])
    } == {
        "cloudformation:ListStackResources",
        "apigateway:GET",
        "cognito-idp:DescribeUserPool",
        "cognito-idp:DescribeUserPoolClient",
    }


def test_another_account_has_to_let_the_pipeline_in(filled: Any) -> None:
    with pytest.raises(ValueError, match=f"set pipeline_account='{ACCOUNT}' in its record"):
        filled([[replace(STAGING, target=ABROAD)]])


def test_an_account_is_another_or_not_once_the_pipelines_is_known(context: dict[str, Any]) -> None:
    staging = replace(STAGING, target=ABROAD, pipeline_account=ACCOUNT)
    with pytest.raises(ValueError, match="fill in TOOLCHAIN_TARGET"):
        _toolchain(context, [[staging]], env=None)


def test_without_a_token_the_tests_are_those_that_need_none(filled: Any) -> None:
    issuer = Issuer(url="https://login.example.com", audience=("users",))
    identity = IdentityOptions(issuer=issuer)
    template = filled([[replace(PRODUCTION, identity=identity)]])
    commands = _commands(template, "Production/Smoke")
    assert [command.split()[-1] for command in commands] == ["./scripts/run", OPEN_TESTS]
    assert (ROOT / OPEN_TESTS).is_file()
    with pytest.raises(ValueError, match="end_to_end_tests or issuer"):
        filled([[replace(STAGING, identity=identity)]])


@pytest.mark.parametrize(("account", "keys"), [(ACCOUNT, 0), ("222222222222", 1), (None, 0)])
def test_only_another_account_needs_a_key(account: str | None, keys: int, filled: Any) -> None:
    target = Target(account=account, region=REGION) if account else None
    production = replace(PRODUCTION, target=target, pipeline_account=ACCOUNT)
    filled([[production]]).resource_count_is("AWS::KMS::Key", keys)


def test_what_is_not_filled_in_is_named_and_refused_by_cloudformation(
    pipeline: Template, unfilled: Toolchain
) -> None:
    sentence = (
        "Fill in SOURCE_REPOSITORY and SOURCE_CONNECTION_ARN in constants.py: see docs/pipeline.md."
    )
    assert pipeline.to_json()["Rules"]["Filled"] == {
        "Assertions": [
            {
                "Assert": {"Fn::Equals": [{"Ref": "BootstrapVersion"}, "unfilled"]},
                "AssertDescription": sentence,
            }
        ]
    }
    messages = [
        str(entry.data) for entry in unfilled.node.metadata if entry.type == "aws:cdk:warning"
    ]
    assert [message for message in messages if message.startswith(sentence)]


def test_what_is_filled_in_is_deployed(filled: Any) -> None:
    assert "Filled" not in filled().to_json()["Rules"]


def test_the_picture_of_the_pipeline_is_the_pipelines(pipeline: Template) -> None:
    committed = (ROOT / "docs" / "pipeline.svg").read_text()
    made = picture(pipeline.to_json())
    assert made == committed, "python -m tests.infrastructure.write draws it"


def _may_use_the_connection(statements: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        "codeconnections:UseConnection" in _listed(statement["Action"])
        and statement["Resource"] == UNFILLED_CONNECTION
        for statement in statements
    )


def _toolchain(
    context: dict[str, Any],
    waves: Waves,
    env: cdk.Environment | None = cdk.Environment(account=ACCOUNT, region=REGION),  # noqa: B008
    *,
    construct_id: str = "Toolchain",
    repository: str = "acme/users",
    connection_arn: str = CONNECTION,
) -> Toolchain:
    return Toolchain(
        cdk.App(context=context),
        construct_id,
        repository=repository,
        branch="main",
        connection_arn=connection_arn,
        waves=waves,
        env=env,
    )


def _deployed(context: dict[str, Any], environment: Environment) -> Template:
    """What the pipeline deploys to the environment."""
    assembly = cdk.Stage.of(_toolchain(context, [[environment]])).synth()  # type: ignore[union-attr]
    [nested] = assembly.nested_assemblies
    [stack] = nested.nested_assembly.stacks
    return Template.from_json(stack.template)


def _read(assembly: Path, stack: str) -> Template:
    [path] = assembly.glob(f"{stack}.template.json")
    return Template.from_json(json.loads(path.read_text()))


def _in_order(stage: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sorted(stage["Actions"], key=lambda action: action["RunOrder"])


def _actions(template: Template, stage_name: str) -> list[dict[str, Any]]:
    [pipeline] = template.find_resources(PIPELINE).values()
    [stage] = [s for s in pipeline["Properties"]["Stages"] if s["Name"] == stage_name]
    return _in_order(stage)


def _projects(template: Template) -> Iterator[dict[str, Any]]:
    for resource in template.find_resources(PROJECT).values():
        yield resource["Properties"]


def _project(template: Template, step: str) -> dict[str, Any]:
    [project] = [p for p in _projects(template) if p["Description"].endswith(f"/{step}")]
    return project


def _pull_requests(template: Template) -> dict[str, Any]:
    [project] = [p for p in _projects(template) if p["Description"].startswith("Builds pull")]
    return project


def _spec(template: Template, step: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(_project(template, step)["Source"]["BuildSpec"])
    return spec


def _commands(template: Template, step: str) -> list[str]:
    commands: list[str] = _spec(template, step)["phases"]["build"]["commands"]
    return commands


def _variables(template: Template, step: str) -> dict[str, Any]:
    return _variables_of(_project(template, step))


def _variables_of(project: Mapping[str, Any]) -> dict[str, Any]:
    return {v["Name"]: v["Value"] for v in project["Environment"]["EnvironmentVariables"]}


def _permissions(template: Template, step: str) -> list[dict[str, Any]]:
    [role] = _project(template, step)["ServiceRole"]["Fn::GetAtt"][:1]
    return _permissions_of(template, role)


def _permissions_of(template: Template, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _without_metadata(template: Template) -> dict[str, Any]:
    resources = template.to_json()["Resources"]
    return {
        # The CDK names what a rule may call by the rule's path.
        re.sub("AllowEventRule.+", "", logical_id): {
            key: value for key, value in resource.items() if key != "Metadata"
        }
        for logical_id, resource in resources.items()
    }
