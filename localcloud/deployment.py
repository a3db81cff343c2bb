"""Deploys the stack onto the local cloud with the real CDK CLI."""

import json
import os
import shlex
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from backend.api.asset import HANDLER
from localcloud import unsupported
from localcloud.emulator import ACCOUNT, REGION, Emulator
from localcloud.hotswap import cloud_failures_explained
from tooling import processes
from tooling.environment import TOOL_SETTINGS
from tooling.install import LOCAL, NODE_FOLDER, PYTHON, ROOT
from tooling.processes import Interruption
from tooling.progress import Failure

_CLI: Final = (
    str(NODE_FOLDER / "node"),
    f"--require={Path(__file__).with_name('end_with_parent.cjs')}",
    str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"),
)

LOCAL_ENVIRONMENT: Final = "local"

_FUNCTION: Final = "AWS::Lambda::Function"

_SETTLE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_BOOTSTRAP: Final = "CDKToolkit"
# As bootstrap names it for the qualifier that the CDK has by default.
_ASSETS: Final = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"


class Deployment:
    """Deploys an environment's stack to the local cloud."""

    def __init__(self, folder: Path, cloud: Emulator, environment: str = LOCAL_ENVIRONMENT) -> None:
        """Prepare a deployment.

        Args:
            folder: Takes the synthesized assembly, and what the tools print.
            cloud: Where to deploy.
            environment: One of constants.py; app.py in this folder says what is deployed for any
                other than the local one.
        """
        self._environment = environment
        self._folder = folder
        self._assembly = folder / "cdk.out"
        self._cloud = cloud
        self._synthesis: subprocess.Popen[bytes] | None = None

    def start_synthesis(self) -> None:
        """Begin to synthesize, which needs no cloud yet; call abandon() in any case."""
        shutil.rmtree(self._assembly, ignore_errors=True)
        command = ["synth", "--quiet", "--context", f"environment={self._environment}"]
        if self._environment != LOCAL_ENVIRONMENT:
            command += ["--app", f"{shlex.quote(str(PYTHON))} -m localcloud.app"]
        self._synthesis = self._start([*command, "--output", str(self._assembly)])

    def abandon(self) -> None:
        """End what still runs, and remove temporary files."""
        if self._synthesis:
            processes.stop_session(self._synthesis, grace_seconds=0)
        shutil.rmtree(self._folder / "tools-tmp", ignore_errors=True)

    def bootstrap(self, interruption: Interruption) -> None:
        """Make what the CDK needs in an account, unless it is there.

        Raises:
            Failure: The CDK CLI fails.
            Interrupted: A signal asked to stop.
        """
        if self._is_bootstrapped():
            return
        # No app: the account is named, and nothing has to be synthesized for it.
        command = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", ""]
        self._finish(self._start(command), "bootstrap", interruption)
        if self._cloud.enforces_iam:
            self._permit_plain_http()

    def finish_synthesis(self, interruption: Interruption) -> None:
        """Wait for what start_synthesis() began.

        Raises:
            Failure: The CDK CLI fails.
            Interrupted: A signal asked to stop.
        """
        assert self._synthesis, "start_synthesis() comes first"  # noqa: S101
        self._finish(self._synthesis, "synth", interruption)

    def deploy(self, interruption: Interruption) -> None:
        """Deploy what was synthesized.

        Raises:
            Failure: The CDK CLI fails, or the local cloud holds a stack of another name.
            Interrupted: A signal asked to stop.
        """
        self._refuse_another_stack()
        command = ["deploy", "--app", str(self._assembly), "--all", "--require-approval", "never"]
        self._finish(self._start(command), "deploy", interruption)
        unsupported.apply_cors(self._assembly)

    def repeat(self, interruption: Interruption) -> None:
        """Synthesize and deploy again.

        Raises:
            Failure: The CDK CLI fails; the stack is what it was.
            Interrupted: A signal asked to stop.
        """
        try:
            self.start_synthesis()
            self.finish_synthesis(interruption)
            self.deploy(interruption)
        finally:
            self.abandon()

    def files_of_other_functions(self) -> set[str]:
        """Return the names of the files in the archives of all deployed functions but the API's."""
        found: set[str] = set()
        for template in self._assembly.glob("*.template.json"):
            for resource in json.loads(template.read_text())["Resources"].values():
                properties = resource.get("Properties", {})
                if resource["Type"] != _FUNCTION or properties.get("Handler") == HANDLER:
                    continue
                archive = self._assembly / f"asset.{properties['Code'].get('S3Key')}"
                # The CDK's own functions are no archives.
                if archive.is_file():
                    with zipfile.ZipFile(archive) as opened:
                        found.update(opened.namelist())
        return found

    def settle(self) -> bool:
        """Wait until CloudFormation has finished.

        Returns:
            Whether every stack can be deployed again.
        """
        cloudformation = boto3.client("cloudformation")
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            with cloud_failures_explained():
                stacks = cloudformation.describe_stacks()["Stacks"]
            # A stack in review is one that nothing was done for yet.
            statuses = {stack["StackStatus"] for stack in stacks} - {"REVIEW_IN_PROGRESS"}
            if not any(status.endswith("_IN_PROGRESS") for status in statuses):
                return all(status.endswith("_COMPLETE") for status in statuses)
            time.sleep(_POLL_SECONDS)
        return False

    def environment(self) -> dict[str, str]:
        """Return the environment that every tool runs in.

        Nothing comes from the caller: no profile, no credential and no setting can lead to the real
        AWS, and no file outside the checkout is read or written.
        """
        home, temporary = LOCAL / "home", self._folder / "tools-tmp"
        for folder in (home, temporary):
            folder.mkdir(exist_ok=True)
        return {
            "PATH": f"{NODE_FOLDER}{os.pathsep}{PYTHON.parent}{os.pathsep}{os.defpath}",
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            "PYTHON_COLORS": "0",
            **TOOL_SETTINGS,
            "CDK_VALIDATION": "false",  # takes half of the time, and ./scripts/test has it
            "UV_OFFLINE": "1",  # what the function needs was installed
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
            **self._cloud.variables,
        }

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        log = self._log(arguments[0])
        log.unlink(missing_ok=True)
        return processes.start(
            [*_CLI, *arguments, "--no-notices", "--no-color"],
            self.environment(),
            folder=ROOT,
            log=log,
            stdin=subprocess.PIPE,
        )

    def _finish(
        self, process: subprocess.Popen[bytes], command: str, interruption: Interruption
    ) -> None:
        def has_ended() -> bool:
            if self._cloud.has_ended():
                raise Failure(
                    f"The local cloud ended during cdk {command}; its log is above.",
                    self._cloud.read_log(),
                )
            return process.poll() is not None

        try:
            interruption.wait_until(has_ended)
        finally:
            processes.stop_session(process, grace_seconds=0)
        if process.returncode:
            output = self._log(command).read_text(errors="replace").replace(f"{ROOT}/", "")
            raise Failure(f"cdk {command} failed; its output is above.", output)

    def _refuse_another_stack(self) -> None:
        """Refuse to deploy beside the stack's former name: both APIs would have the same id."""
        artifacts = json.loads((self._assembly / "manifest.json").read_text())["artifacts"]
        ours = {k for k, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
        with cloud_failures_explained():
            stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
        held = {stack["StackName"] for stack in stacks} - {_BOOTSTRAP}
        if held and not held & ours:
            raise Failure(
                f"The local cloud holds the stack {' and '.join(held)} with its users, but"
                f" constants.py now names it {' and '.join(ours)}. CloudFormation renames no stack:"
                " start with --fresh, which deletes those users, or restore the name."
            )

    def _permit_plain_http(self) -> None:
        # The policy of the bucket for assets denies what doesn't come over TLS, and nothing else.
        # The local cloud has no TLS, and enforces the policy.
        with cloud_failures_explained():
            boto3.client("s3").delete_bucket_policy(Bucket=_ASSETS)

    def _is_bootstrapped(self) -> bool:
        try:
            found = boto3.client("ssm").describe_parameters()["Parameters"]
        except (BotoCoreError, ClientError) as error:
            raise Failure(
                f"The local cloud does not respond ({error}); its log is above.",
                self._cloud.read_log(),
            ) from None
        return any("cdk-bootstrap" in parameter["Name"] for parameter in found)

    def _log(self, command: str) -> Path:
        return self._folder / f"{command}.log"
