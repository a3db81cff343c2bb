"""Puts the function's code live in a second, without a deployment, as `cdk deploy --hotswap` does.

New code is published as a version; once `GET /health` succeeds there, the alias moves to it.
"""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from backend.api.asset import ASSET, HANDLER
from localcloud.emulator import API_ID
from localcloud.events import event
from tooling import processes
from tooling.install import PYTHON, ROOT
from tooling.processes import Interruption
from tooling.progress import Failure

# The function's own code: an edit below these needs no deployment.
CODE: Final = tuple(name for name in ASSET.code if not name.endswith(".py"))
# But for what the stack reads, too.
SHARED: Final = Path("backend", "users", "dynamodb", "layout.py")
_MODULE: Final = HANDLER.rpartition(".")[0]
# Ships with the code.
DOCUMENT: Final = Path("docs", "openapi.json")

# In a process of its own, since the build may have been edited, too.
_BUILD: Final = f"""\
import sys; sys.path.insert(0, {str(ROOT)!r})
from backend.api.asset import ASSET
from backend.functions import bundling, platform
print(bundling.build(ASSET, platform.HOST).path)"""

_DESCRIPTION: Final = "Hotswapped"
_INVOKE_SECONDS: Final = 60
_IMPORT_SECONDS: Final = 60


class Outage(Failure):
    """What is deployed does not work, and no earlier code works with it."""


class Hotswap:
    """Replaces the code of the function behind the local API."""

    def __init__(self, environment: Callable[[], Mapping[str, str]], folder: Path) -> None:
        """Find the function.

        Args:
            environment: Returns the environment that the build runs in.
            folder: Takes what the build prints.

        Raises:
            Failure: The API is not deployed.
        """
        self._environment = environment
        self._log = folder / "build.log"
        # Longer than the function's own timeout; no second attempt with code that never returns.
        config = Config(read_timeout=_INVOKE_SECONDS, retries={"total_max_attempts": 1})
        self._lambda = boto3.client("lambda", config=config)
        with cloud_failures_explained():
            self._name, self._alias = function_of_the_api()
        self._good: bytes | None = None

    def run(self, interruption: Interruption) -> bool:
        """Put the checkout's code live.

        Returns:
            Whether other code was live before.

        Raises:
            Failure: The code doesn't work; what was live before still is.
            Interrupted: A signal asked to stop; what was live before still is.
        """
        archive = self._build(interruption)
        with cloud_failures_explained():
            if self._is_live(archive):
                return False
            self._publish(archive)
        return True

    def verify(self, interruption: Interruption) -> None:
        """Check the code that was just deployed, and put the checkout's code live if it isn't.

        Raises:
            Failure: The code doesn't work; the code that worked before is live again.
            Outage: The code that worked before doesn't work with the new deployment, either.
            Interrupted: A signal asked to stop.
        """
        try:
            archive = self._build(interruption)
            with cloud_failures_explained():
                if not self._is_live(archive):
                    self._publish(archive)
                elif error := self._health_error(self._alias):
                    raise Failure("The deployed function does not work.", error)
            self._good = archive
        except Failure:
            with cloud_failures_explained():
                self._put_back()
            raise

    def _put_back(self) -> None:
        if self._good is None or self._health_error(self._alias) is None:
            return
        try:
            self._publish(self._good)
        except Failure as failure:
            raise Outage(
                "Neither the edited code nor the code before it works with this deployment.",
                failure.output,
            ) from None

    def _is_live(self, archive: bytes) -> bool:
        configuration = self._lambda.get_function_configuration(
            FunctionName=self._name, Qualifier=self._alias
        )
        digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
        return bool(configuration["CodeSha256"] == digest)

    def _publish(self, archive: bytes) -> None:
        self._lambda.update_function_code(FunctionName=self._name, ZipFile=archive)
        version = self._lambda.publish_version(FunctionName=self._name, Description=_DESCRIPTION)
        number = version["Version"]
        error = self._health_error(number)
        if error:
            self._lambda.delete_function(FunctionName=self._name, Qualifier=number)
            raise Failure("The function does not work.", error)
        before = self._lambda.get_alias(FunctionName=self._name, Name=self._alias)
        self._lambda.update_alias(FunctionName=self._name, Name=self._alias, FunctionVersion=number)
        self._good = archive
        self._remove_versions(except_for={number, before["FunctionVersion"]})  # it may be serving

    def _remove_versions(self, except_for: set[str]) -> None:
        versions = self._lambda.list_versions_by_function(FunctionName=self._name)["Versions"]
        for version in versions:
            number = version["Version"]
            # The stack has the others.
            if version["Description"] == _DESCRIPTION and number not in except_for:
                self._lambda.delete_function(FunctionName=self._name, Qualifier=number)

    def _health_error(self, qualifier: str) -> str | None:
        """Return what is wrong with a version, or None; its worker is warm then."""
        try:
            response = self._lambda.invoke(
                FunctionName=self._name,
                Qualifier=qualifier,
                Payload=json.dumps(event("GET", "/health")),
                LogType="Tail",
            )
        except ReadTimeoutError:
            return self._traceback() or f"It does not respond within {_INVOKE_SECONDS} seconds."
        payload = response["Payload"].read().decode(errors="replace")
        log = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
        if "FunctionError" in response:
            return self._traceback() or f"{log}\n{payload}".strip()
        match json.loads(payload):
            case {"statusCode": int(status)} if status < 500:  # noqa: PLR2004
                return None
        return f"{log}\nIts response to GET /health: {payload}".strip()

    def _build(self, interruption: Interruption) -> bytes:
        self._log.unlink(missing_ok=True)
        process = processes.start(
            [str(PYTHON), "-I", "-c", _BUILD],
            self._environment(),
            folder=ROOT,
            log=self._log,
            stdout=subprocess.PIPE,
        )
        assert process.stdout  # noqa: S101
        try:
            interruption.wait_until(lambda: process.poll() is not None)
        finally:
            processes.stop_session(process, grace_seconds=0)
        with process.stdout:
            printed = process.stdout.read().decode()
        if process.returncode:
            output = self._log.read_text(errors="replace")
            raise Failure("The function can't be built.", self._traceback() or output)
        return Path(printed.splitlines()[-1]).read_bytes()

    def _traceback(self) -> str:
        """Return why Python can't import the code, with the checkout's files and lines."""
        configuration = self._lambda.get_function_configuration(FunctionName=self._name)
        variables = configuration.get("Environment", {}).get("Variables", {})
        try:
            done = subprocess.run(
                [str(PYTHON), "-E", "-s", "-B", "-m", _MODULE],
                check=False,
                cwd=ROOT,
                capture_output=True,
                text=True,
                env={**self._environment(), **variables},
                timeout=_IMPORT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"The import of the code takes more than {_IMPORT_SECONDS} seconds."
        return done.stderr.replace(f"{ROOT}/", "") if done.returncode else ""


@contextmanager
def cloud_failures_explained() -> Iterator[None]:
    """Turn a refused or failed call of the local cloud into a Failure."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The local cloud refuses a call: {error}") from None


def function_of_the_api() -> tuple[str, str]:
    """Return the name and the alias of the function behind the API's default route.

    Raises:
        Failure: The API is not deployed.
    """
    api = boto3.client("apigatewayv2")
    targets = [route["Target"] for route in routes() if route["RouteKey"] == "$default"]
    if not targets:
        raise Failure("The API is not deployed yet: wait until the sandbox is ready.")
    integration = api.get_integration(ApiId=API_ID, IntegrationId=targets[0].split("/")[-1])
    *_, name, alias = integration["IntegrationUri"].split(":")
    return name, alias


def routes() -> list[dict[str, str]]:
    """Return the deployed API's routes.

    Raises:
        Failure: The local cloud can't be reached.
    """
    pages = boto3.client("apigatewayv2").get_paginator("get_routes").paginate(ApiId=API_ID)
    with cloud_failures_explained():
        return [route for page in pages for route in page["Items"]]
