"""Deploys the stack onto the local cloud with the real CDK CLI."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from localcloud import gaps
from localcloud.emulator import ACCOUNT, REGION, Emulator
from localcloud.hotswap import the_cloud_answers
from tooling import processes
from tooling.environment import CDK_SETTINGS
from tooling.install import LOCAL, NODE_FOLDER, PYTHON, ROOT
from tooling.processes import Interruption
from tooling.progress import Failure

_CLI: Final = (
    str(NODE_FOLDER / "node"),
    f"--require={Path(__file__).with_name('end_with_parent.cjs')}",
    str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"),
)

LOCAL_ENVIRONMENT: Final = "local"

# As bootstrap names it for the qualifier that the CDK has by default.
_ASSETS: Final = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"


class Deployment:
    """One deployment of an environment's stack to the cloud.

    folder: takes the synthesized assembly and what the tools print.
    environment: whose; another than LOCAL is deployed as app.py in this folder has it.
    """

    def __init__(self, folder: Path, cloud: Emulator, environment: str = LOCAL_ENVIRONMENT) -> None:
        self._environment = environment
        self._folder = folder
        self._assembly = folder / "cdk.out"
        self._cloud = cloud
        self._synthesis: subprocess.Popen[bytes] | None = None

    def start_synthesis(self) -> None:
        """Begin to synthesize, which needs no cloud yet; then call abandon() in any case."""
        shutil.rmtree(self._assembly, ignore_errors=True)
        command = ["synth", "--quiet", "--context", f"environment={self._environment}"]
        if self._environment != LOCAL_ENVIRONMENT:
            command += ["--app", f"{shlex.quote(str(PYTHON))} -m localcloud.app"]
        self._synthesis = self._start([*command, "--output", str(self._assembly)])

    def abandon(self) -> None:
        """Leave nothing running, and no temporary file."""
        if self._synthesis:
            processes.stop_session(self._synthesis, grace_seconds=0)
        shutil.rmtree(self._folder / "tools-tmp", ignore_errors=True)

    def bootstrap(self, interruption: Interruption) -> None:
        """Make what the CDK needs in an account, unless it is there. Raises Failure."""
        if self._is_bootstrapped():
            return
        # No app: the account is named, and nothing has to be synthesized for it.
        command = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", ""]
        self._finish(self._start(command), "bootstrap", interruption)
        if self._cloud.enforces_iam:
            self._permit_plain_http()

    def finish_synthesis(self, interruption: Interruption) -> None:
        """Wait for what start_synthesis() began. Raises Failure."""
        assert self._synthesis, "start_synthesis() comes first"  # noqa: S101
        self._finish(self._synthesis, "synth", interruption)

    def deploy(self, interruption: Interruption) -> None:
        """Deploy what was synthesized. Raises Failure."""
        command = ["deploy", "--app", str(self._assembly), "--all", "--require-approval", "never"]
        self._finish(self._start(command), "deploy", interruption)
        gaps.fill(self._assembly)

    def repeat(self, interruption: Interruption) -> None:
        """Synthesize and deploy again. Raises Failure; then the stack is what it was."""
        try:
            self.start_synthesis()
            self.finish_synthesis(interruption)
            self.deploy(interruption)
        finally:
            self.abandon()

    def environment(self) -> dict[str, str]:
        """What every tool runs with.

        Nothing of the caller's: no profile, no credential and no setting can lead to the real
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
            "UV_CACHE_DIR": str(LOCAL / "cache" / "uv"),
            "UV_NO_CONFIG": "1",
            "UV_OFFLINE": "1",  # what the function needs was installed
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
            **CDK_SETTINGS,
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

    def _permit_plain_http(self) -> None:
        # The policy of the bucket for assets denies all that doesn't come over TLS, and that is
        # all that it says. The local cloud has no TLS, and enforces this one, too.
        with the_cloud_answers():
            boto3.client("s3").delete_bucket_policy(Bucket=_ASSETS)

    def _is_bootstrapped(self) -> bool:
        try:
            found = boto3.client("ssm").describe_parameters()["Parameters"]
        except (BotoCoreError, ClientError) as error:
            raise Failure(
                f"The local cloud does not answer ({error}); its log is above.",
                self._cloud.read_log(),
            ) from None
        return any("cdk-bootstrap" in parameter["Name"] for parameter in found)

    def _log(self, command: str) -> Path:
        return self._folder / f"{command}.log"
