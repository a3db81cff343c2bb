"""The locks, and what is made from them, are current."""

import subprocess

import pytest

from tooling import lock
from tooling.install import PYTHON, ROOT, installer_environment


@pytest.mark.parametrize("folder", lock.PYTHON_FOLDERS)
def test_uv_lock_is_what_pyproject_says(folder: str) -> None:
    command = [str(PYTHON.with_name("uv")), "lock", "--check", "--offline"]
    done = subprocess.run(
        [*command, "--project", folder, "--python", str(PYTHON)],
        check=False,
        capture_output=True,
        text=True,
        env=installer_environment(),
        cwd=ROOT,
    )
    if done.returncode:
        pytest.fail(f"{done.stderr}{folder}/uv.lock: run ./scripts/lock.", pytrace=False)


@pytest.mark.parametrize(("group", "file"), lock.REQUIREMENTS.items())
def test_the_requirements_are_what_uv_lock_says(group: str, file: str) -> None:
    _, _, *lines = (ROOT / file).read_text().splitlines()  # the first two say who wrote it
    if lock.export(group, "--no-header").splitlines() != lines:
        pytest.fail(f"{file} is out of date: run ./scripts/lock.", pytrace=False)


def test_the_bill_of_materials_is_what_the_locks_say() -> None:
    if lock.make_sbom() != lock.SBOM.read_text():
        pytest.fail("docs/sbom.cdx.json is out of date: run ./scripts/lock.", pytrace=False)
