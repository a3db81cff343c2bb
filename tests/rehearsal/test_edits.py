"""A team makes the component its own: sensible values in constants.py, and a name.

Nothing turns red by that, neither here nor in a sandbox. The edits are made in a copy of the
checkout, at the end of its constants.py, whatever that holds.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.checkout import copy_files, link_installed
from tooling import environment, git

VALUES = """
from dataclasses import replace

from backend.api.options import Domain
from backend.functions.platform import Platform

APP_NAME = "CustomerDirectory"
SOURCE_REPOSITORY = "acme/customers"
SOURCE_BRANCH = "trunk"
SOURCE_CONNECTION_ARN = "arn:aws:codeconnections:eu-west-1:222222222222:connection/1"
RUNBOOK = "https://wiki.example.com/runbook"


def _edited(record, **changes):
    objectives = Objectives(available_percent=99.5, fast_percent=95, fast_milliseconds=300)
    return replace(
        record,
        app_name=APP_NAME,
        log_retention="TWO_YEARS",
        identity=replace(record.identity, clients=("Next", "Machine"), token_minutes=30),
        monitoring=replace(
            record.monitoring,
            objectives=record.monitoring.objectives and objectives,
            runbook=RUNBOOK,
            concurrency_quota=50,
        ),
        **changes,
    )


_API = APIOptions(
    cors_origins=("https://app.example.com",),
    throttle=Throttle(rate=7, burst=8),
    list_throttle=Throttle(rate=3, burst=4),
    log_level="DEBUG",
    debug_share=0.5,
)
LOCAL = _edited(LOCAL, api=replace(LOCAL.api, cors_origins=("https://app.example.com",)))
SANDBOX = _edited(SANDBOX, platform=Platform("x86_64", "x86_64-manylinux_2_28"))
STAGING = _edited(
    STAGING, api=replace(_API, open_docs=True), rollout=RolloutOptions(percent=25, minutes=2)
)
PRODUCTION = _edited(
    PRODUCTION,
    api=replace(
        _API,
        domain=Domain(
            name="api.example.com",
            certificate_arn="arn:aws:acm:eu-west-1:222222222222:certificate/1",
        ),
    ),
    database=replace(
        PRODUCTION.database, max_read_units=9, max_write_units=None, backup_retention_days=35
    ),
    rollout=RolloutOptions(routing="linear", percent=20, minutes=7),
)
PRODUCTION = replace(
    PRODUCTION,
    monitoring=replace(
        PRODUCTION.monitoring,
        operators=Operators(pages=("https://pages.example.com",), tickets=("desk@example.com",)),
    ),
)
ENVIRONMENTS = {record.name.lower(): record for record in (LOCAL, SANDBOX, STAGING, PRODUCTION)}
WAVES = ((STAGING,), (PRODUCTION,))
"""
STRUCTURE = """
from dataclasses import replace

from backend.environment import Target
from backend.identity.options import Issuer

TOOLCHAIN_TARGET = Target(account="222222222222", region="eu-west-1")
_ISSUER = Issuer(url="https://login.example.com", audience=("customers",))


def _edited(record, **changes):
    return replace(record, identity=replace(record.identity, issuer=_ISSUER), **changes)


def _in_production(name, region):
    target = Target(account="333333333333", region=region)
    return _edited(
        PRODUCTION,
        name=name,
        target=target,
        pipeline_account=TOOLCHAIN_TARGET.account,
        rollout=None,
        approval=False,
    )


LOCAL, SANDBOX = _edited(LOCAL), _edited(SANDBOX)
EU, US = _in_production("Production-EU", "eu-west-1"), _in_production("Production-US", "us-west-2")
ENVIRONMENTS = {record.name.lower(): record for record in (LOCAL, SANDBOX, EU, US)}
WAVES = ((EU, US),)
"""


# They are about archives and have records of their own.
SLOW = [
    f"tests/infrastructure/test_{name}.py" for name in ("bundling", "deferral", "filled", "pruning")
]
SANDBOX = "from localcloud.sandbox import main; main()"


@pytest.mark.parametrize("edits", [VALUES, STRUCTURE], ids=["values", "structure"])
def test_sensible_edits_turn_no_test_red(edits: str, tmp_path: Path) -> None:
    _copy(tmp_path, edits)
    suites = ("tests/unit", "tests/infrastructure", *(f"--ignore={path}" for path in SLOW))
    assert _run(tmp_path, "-m", "pytest", "-n", "2", "--dist", "loadfile", *suites) == 0


def test_an_edited_sandbox_starts_and_serves(tmp_path: Path) -> None:
    _copy(tmp_path, VALUES)
    smoke = (sys.executable, "-m", "pytest", "tests/smoke")
    assert _run(tmp_path, "-c", SANDBOX, "--", *smoke) == 0


def _copy(folder: Path, edits: str) -> None:
    copy_files(folder, with_tests=True)
    git.own(folder, "init", "--quiet")
    git.own(folder, "add", "--all")  # some tests ask what is committed
    link_installed(folder)
    with (folder / "constants.py").open("a") as constants:
        constants.write(edits)
    # As ./scripts/lock does; the network isn't needed for that.
    assert _run(folder, "-c", "from tooling.lock import *; SBOM.write_text(make_sbom())") == 0


def _run(folder: Path, *arguments: str) -> int:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, cwd=folder, env=environment.clean()).returncode
