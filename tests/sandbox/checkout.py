"""A copy of this checkout that tests may edit while its sandbox runs."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from localcloud import emulator
from tests.sandbox.conftest import ROOT, Sandbox, with_token
from tooling import git

RUNTIME = Path("backend/api/runtime")
USERS = Path("backend/users")

# The copy shares what is installed.
_INSTALLED = (
    ".venv",
    "node_modules",
    *(f".local/{n}" for n in ("assets", "cache", "emulator", "home", "jsii")),
)


def copy_files(folder: Path, *, with_tests: bool = False) -> None:
    """Copy all files that git doesn't ignore; the tests only if asked to."""
    files = git.ask(ROOT, "ls-files", "-co", "--exclude-standard", "-z")
    for name in filter(None, files.split("\0")):
        if (with_tests or not name.startswith("tests/")) and (ROOT / name).exists():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)


def link_installed(folder: Path) -> None:
    """Link a copy to what this checkout has installed."""
    for name in _INSTALLED:
        link = folder / name
        link.parent.mkdir(exist_ok=True)
        (ROOT / name).mkdir(exist_ok=True)  # the first deployment makes it
        link.symlink_to(ROOT / name)


class Checkout:
    """A copy of this checkout, and the sandbox that runs in it.

    Args:
        folder: Where to put the copy.

    Attributes:
        folder: Where the copy is.
        port: The sandbox's port.
        sandbox: The running sandbox.
    """

    def __init__(self, folder: Path) -> None:
        copy_files(folder)
        link_installed(folder)
        self.folder = folder
        self.port = emulator.free_port()
        self.start()

    def start(self) -> None:
        arguments = ["--port", str(self.port)]
        self.sandbox = Sandbox(self.folder, arguments, command=self.command("localcloud.sandbox"))
        self.sandbox.read_until("Ctrl-C stops it")
        self._token = with_token(self.folder / ".local" / "sandbox")

    def command(self, module: str) -> list[str]:
        """Return a command that runs a module as the scripts do."""
        program = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        program += f"from {module} import main; main()"
        return [sys.executable, "-I", "-c", program, str(self.folder)]

    @contextmanager
    def edited(self, edits: dict[Path, tuple[str, str]]) -> Iterator[str]:
        """Replace a text in each file, yield what the sandbox says, and undo it at the end."""
        originals = {path: (self.folder / path).read_text() for path in edits}
        try:
            yield self.replace(edits)
        finally:
            self.write(originals)

    def replace(self, edits: dict[Path, tuple[str, str]]) -> str:
        """Replace a text in each file, and return what the sandbox says."""
        changed = {}
        for path, (old, new) in edits.items():
            text = (self.folder / path).read_text()
            assert old in text
            changed[path] = text.replace(old, new, 1)
        return self.write(changed)

    def write(self, files: dict[Path, str]) -> str:
        """Save files, and return what the sandbox says about them."""
        before = len(self.sandbox.output)
        # Suspend the sandbox, or it could see only some of the files, or half a file.
        process = psutil.Process(self.sandbox.process.pid)
        process.suspend()
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        try:
            for path, text in files.items():
                (self.folder / path).write_text(text)
        finally:
            process.resume()
        self.sandbox.read_until(r": (live after [\d.]+ s \(.+\)|not live; .+)$")
        return self.sandbox.output[before:]

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, document: object) -> httpx.Response:
        return self.request("POST", path, json=document)

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Send a request with a token."""
        url = f"http://127.0.0.1:{self.port}{path}"
        fields = {**self._token, **(headers or {})}
        return httpx.request(method, url, headers=fields, timeout=120, trust_env=False, **options)
