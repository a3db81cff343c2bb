"""What a person reads on a machine that lacks something."""

import os
import re
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localcloud.install import ROOT

# All that is read before the first thing is installed.
_NEEDED_FIRST = ("scripts", "localcloud", "backend/api/runtime", "uv.lock", "package-lock.json")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which nothing is installed."""
    folder = tmp_path / "checkout"
    for name in _NEEDED_FIRST:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return folder


def run(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "sandbox"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_without_python_it_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = run(checkout, PATH=str(tools))
    assert done.returncode == 1
    assert done.stderr == (
        "Python 3.9 or newer is needed, as python3 on the PATH: install it and start again.\n"
    )


def test_without_a_network_it_says_so(checkout: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = run(checkout, PATH=os.environ["PATH"], HTTPS_PROXY=proxy)
    assert done.returncode == 1
    *_, sentence = done.stderr.splitlines()
    assert sentence.startswith("uv could not be downloaded (")
    assert sentence.endswith(
        "If this machine is offline, connect it; behind a proxy, set HTTPS_PROXY."
    )
    assert not (checkout / ".venv").exists()


def test_what_is_not_what_the_lock_has_is_refused(checkout: Path) -> None:
    class Tampered(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"not uv")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Tampered) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lock = checkout / "uv.lock"
        url = f"http://127.0.0.1:{server.server_port}/"
        lock.write_text(re.sub(r"https://[^/]+/packages/", url, lock.read_text()))
        done = run(checkout, PATH=os.environ["PATH"])
        server.shutdown()
    assert done.returncode == 1
    assert "is not what uv.lock has" in done.stderr
    assert not list(checkout.glob(".local/uv-*/uv"))
