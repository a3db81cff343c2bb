"""The pipeline, rehearsed without an account: its builds, and what it deploys to staging.

The builds are the template's, as they are, in a clean clone. What they need of AWS is the local
cloud's; the clone's sandbox deploys what stands in for an environment (localcloud/app.py).
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import constants
from localcloud.emulator import REGION
from tests.rehearsal.builds import PATH, Build, Ended, builds, run
from tooling import git
from tooling.install import NODE_FOLDER, PYTHON, ROOT

STACK = f"{constants.APP_NAME}-Toolchain"
SYNTH = ["./scripts/cdk", "synth", "--quiet", "--app", ".venv/bin/python toolchain.py"]
# What it deploys and then tests with a token: it gets none of an issuer of the team's own.
TESTED = [e.name.lower() for wave in constants.WAVES for e in wave if not e.identity.issuer]
# Where every environment is, whatever its target.
HERE = {"REGION": REGION}
# What constants.py has before anybody fills it in.
PLACEHOLDERS = {
    "SOURCE_REPOSITORY": "OWNER/REPOSITORY",
    "SOURCE_CONNECTION_ARN": "arn:aws:codeconnections:us-east-1:111111111111:connection/"
    "00000000-0000-0000-0000-000000000000",
}
# The function works, says that it does, and gives nobody a user.
BROKEN = """

_whole = handler


def handler(event, context):
    if event["routeKey"] == "GET /users/{username}":
        return {"statusCode": 500}
    return _whole(event, context)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clean clone of the commit that is checked out."""
    if changed := git.ask(ROOT, "status", "--porcelain"):
        pytest.fail(f"The pipeline builds commits. Commit this first:\n{changed}", pytrace=False)
    folder = tmp_path_factory.mktemp("clone")
    git.own(ROOT, "clone", "--quiet", str(ROOT), str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build hands on: the pipeline's own stack, and what it deploys."""
    folder = tmp_path_factory.mktemp("assembly")
    subprocess.run([*SYNTH, "--output", str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def pipeline(assembly: Path) -> dict[str, Build]:
    return builds(json.loads((assembly / f"{STACK}.template.json").read_text()))


def test_a_commit_is_built(
    pipeline: dict[str, Build], assembly: Path, clone: Path, home: Path
) -> None:
    build = pipeline["Build/Build"]
    assert run(build, clone, home, {}).status == 0

    [report] = build.spec["reports"].values()
    [pattern] = report["files"]
    results = {path.stem: path for path in (clone / report["base-directory"]).glob(pattern)}
    assert results.keys() == {"unit", "infrastructure", "end_to_end", "sandbox"}
    for path in results.values():
        [suite] = ET.parse(path).getroot()  # noqa: S314 it is our own
        assert int(suite.attrib["tests"]) > 0
        assert suite.attrib["failures"] == suite.attrib["errors"] == "0"

    [cached] = build.spec["cache"]["paths"]
    assert list(clone.glob(cached))
    # What is handed on is the same as here: a commit is the same code wherever it is built.
    handed_on = clone / build.spec["artifacts"]["base-directory"]
    for path in assembly.rglob("*.template.json"):
        assert (handed_on / path.relative_to(assembly)).read_bytes() == path.read_bytes()


def test_assets_are_published(
    pipeline: dict[str, Build], assembly: Path, clone: Path, home: Path
) -> None:
    names = [name for name in pipeline if name.startswith("Assets/")]
    assert names
    for name in names:
        ended = _on_the_cloud(pipeline[name], assembly, clone, home)
        assert ended.status == 0
        assert "success: Published" in ended.output


@pytest.mark.xfail(
    raises=pytest.fail.Exception,
    reason="The local cloud has no CodePipeline, and refuses a template with one",
    strict=True,
)
def test_the_pipeline_updates_itself(
    pipeline: dict[str, Build], assembly: Path, clone: Path, home: Path
) -> None:
    ended = _on_the_cloud(pipeline["UpdatePipeline/SelfMutate"], assembly, clone, home)
    if "Unrecognized resource types" in ended.output:
        pytest.fail("it can't", pytrace=False)
    assert ended.status == 0


def test_a_pipeline_with_placeholders_is_refused(
    pipeline: dict[str, Build], clone: Path, home: Path, tmp_path: Path
) -> None:
    constants = clone / "constants.py"
    whole = text = constants.read_text()
    for name, value in PLACEHOLDERS.items():
        pattern = rf'^{name}: Final = (?:".+?"|\(.+?\))$'
        text, count = re.subn(pattern, f"{name} = {value!r}", text, flags=re.MULTILINE | re.DOTALL)
        assert count == 1
    constants.write_text(text)
    try:
        subprocess.run([*SYNTH, "--output", str(tmp_path)], check=True, cwd=clone)
    finally:
        constants.write_text(whole)
    path = tmp_path / f"{STACK}.template.json"
    template = json.loads(path.read_text())
    # The rule is what is tried: of the resources, one that the local cloud has.
    template["Resources"] = {"Topic": {"Type": "AWS::SNS::Topic"}}
    template.pop("Outputs", None)
    path.write_text(json.dumps(template))
    ended = _on_the_cloud(pipeline["UpdatePipeline/SelfMutate"], tmp_path, clone, home)
    assert ended.status == 1
    assert "Fill in SOURCE_REPOSITORY and SOURCE_CONNECTION_ARN in constants.py" in ended.output


@pytest.mark.parametrize("environment", TESTED)
def test_what_was_deployed_passes_its_tests(
    environment: str, pipeline: dict[str, Build], clone: Path, home: Path
) -> None:
    ended = run(_tests_of(environment, pipeline), clone, home, HERE, _sandbox_of(environment))
    assert ended.status == 0
    assert " passed in " in ended.output


@pytest.mark.parametrize("environment", TESTED)
def test_broken_code_fails_them(
    environment: str, pipeline: dict[str, Build], clone: Path, home: Path
) -> None:
    code = clone / "backend/api/runtime/lambda_function.py"
    whole = code.read_text()
    code.write_text(whole + BROKEN)
    try:
        ended = run(_tests_of(environment, pipeline), clone, home, HERE, _sandbox_of(environment))
    finally:
        code.write_text(whole)
    assert ended.status == 1
    assert "FAILED tests/smoke/test_round_trip.py::test_a_user_comes_and_goes" in ended.output


def _tests_of(environment: str, pipeline: dict[str, Build]) -> Build:
    name = constants.ENVIRONMENTS[environment].stack_name
    [build] = [build for build in pipeline.values() if build.variables.get("STACK") == name]
    return build


def _sandbox_of(environment: str) -> tuple[str, ...]:
    # The step gets its token itself.
    return ("./scripts/sandbox", "--environment", environment, "--", "env", "-u", "API_TOKEN")


def _on_the_cloud(build: Build, assembly: Path, clone: Path, home: Path) -> Ended:
    """Run it in a copy of its input, the assembly. The image's Node is the checkout's here."""
    (tools := home / "bin").mkdir(exist_ok=True)
    npm = tools / "npm"
    if not npm.is_symlink():
        npm.symlink_to(PYTHON.with_name("npm"))
    variables = {"PATH": os.pathsep.join([str(tools), str(NODE_FOLDER), PATH])}
    sandbox = (str(clone / "scripts/sandbox"), "--")
    with tempfile.TemporaryDirectory(dir=home) as folder:
        shutil.copytree(assembly, folder, dirs_exist_ok=True)
        return run(build, Path(folder), home, variables, sandbox)
