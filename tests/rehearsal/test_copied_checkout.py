"""A checkout that was copied, with all that is installed in it, to another place."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.sandbox.checkout import copy_files
from tests.sandbox.test_install import HOME, STEERING, fill
from tooling import environment
from tooling.install import LOCAL, ROOT

# By file, what would change what is installed, in a folder above the checkout.
ABOVE = {
    ".npmrc": "dry-run=true\nomit=dev\n",
    ".python-version": "3.9\n",
    "package.json": '{"workspaces": ["*"]}',
    "pyproject.toml": '[tool.uv]\nexclude-newer = "2020-01-01"\nworkspace = {members = ["*"]}\n',
}


def test_a_copied_checkout_becomes_one_of_its_own(tmp_path: Path) -> None:
    """In another project's folder, whose name has a space, for a person with settings."""
    fill(home := tmp_path / "home", HOME)
    fill(above := tmp_path / "an other project", ABOVE)
    copy_files(copy := above / "copy")
    for name in (".venv", ".local/emulator"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, copy_function=os.link)
    shutil.copy(LOCAL / "installed", copy / ".local")
    for folder in (*(LOCAL / name for name in ("assets", "cache", "jsii")), *LOCAL.glob("uv-*")):
        folder.mkdir(exist_ok=True)
        (copy / ".local" / folder.name).symlink_to(folder)
    before = sorted(home.rglob("*"))
    done = subprocess.run(
        [copy / "scripts" / "cdk", "synth", "--quiet"],
        env={**environment.clean(), "HOME": str(home), **STEERING},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((copy / "cdk.out").glob("*.template.json"))
    assert sorted(home.rglob("*")) == before
    for program in (*copy.glob(".venv/bin/*"), *copy.glob(".local/emulator/bin/*")):
        assert str(ROOT).encode() + b"/" not in program.read_bytes(), program
