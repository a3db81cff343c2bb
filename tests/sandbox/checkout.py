"""A copy of the checkout that may be edited while its sandbox runs."""

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

# What is installed is the same in the copy.
_INSTALLED = (
    ".venv",
    "node_modules",
    *(f".local/{n}" for n in ("assets", "cache", "emulator", "home", "jsii")),
)


def copy_files(folder: Path) -> None:
    """Copy what is committed, or may be, as it is now; the tests stay here."""
    files = git.ask(ROOT, "ls-files", "-co", "--exclude-standard", "-z")
    for name in filter(None, files.split("\0")):
        if not name.startswith("tests/") and (ROOT / name).exists():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)


class Checkout:
    """A copy of this checkout that may be edited, and the sandbox that runs in it."""

    def __init__(self, folder: Path) -> None:
        copy_files(folder)
        for name in _INSTALLED:
            link = folder / name
            link.parent.mkdir(exist_ok=True)
            (ROOT / name).mkdir(exist_ok=True)  # what comes with the first deployment
            link.symlink_to(ROOT / name)
        self.folder = folder
        self.port = emulator.free_port()
        self.start()

    def start(self) -> None:
        arguments = ["--port", str(self.port)]
        self.sandbox = Sandbox(self.folder, arguments, command=self.command("localcloud.sandbox"))
        self.sandbox.read_until("Ctrl-C stops it")
        self._token = with_token(self.folder / ".local" / "sandbox")

    def command(self, module: str) -> list[str]:
        """What runs a module, as the scripts do."""
        program = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        program += f"from {module} import main; main()"
        return [sys.executable, "-I", "-c", program, str(self.folder)]

    @contextmanager
    def edited(self, edits: dict[Path, tuple[str, str]]) -> Iterator[str]:
        """Replace a text in each of the files; yields what is said. Undoes this at the end."""
        originals = {path: (self.folder / path).read_text() for path in edits}
        try:
            yield self.replace(edits)
        finally:
            self.write(originals)

    def replace(self, edits: dict[Path, tuple[str, str]]) -> str:
        """Replace a text in each of the files; return what the sandbox says, as write() does."""
        changed = {}
        for path, (old, new) in edits.items():
            text = (self.folder / path).read_text()
            assert old in text
            changed[path] = text.replace(old, new, 1)
        return self.write(changed)

    def write(self, files: dict[Path, str]) -> str:
        """Save files; return what the sandbox says until it has done with them."""
        before = len(self.sandbox.output)
        with self._held():
            for path, text in files.items():
                (self.folder / path).write_text(text)
        self.sandbox.read_until(r": (live after [\d.]+ s \(.+\)|not live; .+)$")
        return self.sandbox.output[before:]

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Stop the sandbox meanwhile: it could take half of the files, or half a file, for all."""
        process = psutil.Process(self.sandbox.process.pid)
        process.suspend()
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        try:
            yield
        finally:
            process.resume()

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
