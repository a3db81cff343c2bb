"""Starts on a machine that lacks something, and amid files and variables that are none of ours."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tooling import git
from tooling.install import PYTHON, ROOT, installer_environment

# All that is read before the first thing is installed.
_NEEDED_FIRST = ("scripts", "tooling", "backend/api/runtime", "uv.lock", "package-lock.json")


# As a person may have them for another project.
STEERING = {
    "BASH_ENV": "/nowhere",
    "CDPATH": "/",
    "CDK_APP": "false",
    "ENV": "/nowhere",
    "GIT_DIR": "/nowhere",
    "MYPYPATH": "/nowhere",
    "NODE_OPTIONS": "--require=/nowhere",
    "NODE_PATH": "/nowhere",
    "PYTEST_ADDOPTS": "--nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONSAFEPATH": "1",
    "RUFF_CONFIG": "/nowhere",
    "UV_INDEX_URL": "http://127.0.0.1:9/simple",
    "UV_OFFLINE": "1",
    "VIRTUAL_ENV": "/nowhere",
    "npm_config_dry_run": "true",
}
# Without these some machines reach nothing.
NETWORK = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NODE_EXTRA_CA_CERTS": "/dev/null",
    "NPM_CONFIG_REGISTRY": "https://npm.example/",
    "UV_HTTP_TIMEOUT": "60",
    "npm_config_//npm.example/:_authToken": "x",
}
# By file, what would change what is installed, in the home folder.
HOME = {
    ".npmrc": "dry-run=true\nomit=dev\nbefore=2020-01-01\n",
    ".config/pip/pip.conf": "[global]\nno-index = true\n",
    ".config/uv/uv.toml": 'exclude-newer = "2020-01-01"\nno-index = true\n',
}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (path := folder / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    fill(tmp_path / "home", HOME)
    return tmp_path / "home"


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
    for name in ("sh", "dirname", "readlink"):
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
    assert "does not match uv.lock; try again." in done.stderr
    assert not list(checkout.glob(".local/uv-*/uv"))


def test_a_full_disk_is_a_sentence(checkout: Path) -> None:
    [version] = re.findall(r'name = "uv"\nversion = "(.+)"', (checkout / "uv.lock").read_text())
    wheel = checkout / "wheel"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"uv-{version}.data/scripts/uv", "uv")
    lock = checkout / "uv.lock"
    text = re.sub(
        rf'"https://[^"]+/(uv-{version}-[^"]+)", hash = "sha256:[0-9a-f]+"',
        rf'"{wheel.as_uri()}#\1", hash = "sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"',
        lock.read_text(),
    )
    lock.write_text(text)
    (part := checkout / f".local/uv-{version}/uv.part").parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    done = run(checkout, PATH=os.environ["PATH"])
    assert done.returncode == 1
    assert done.stderr.endswith("No space left on device: make room on the disk.\n")


def test_what_cannot_be_written_is_a_sentence(checkout: Path) -> None:
    (checkout / ".local").touch()
    done = run(checkout, PATH=os.environ["PATH"])
    assert done.returncode == 1
    assert done.stderr == f"File exists ({checkout}/.local): move it away.\n"


def test_a_script_starts_clean_from_anywhere(tmp_path: Path) -> None:
    (link := tmp_path / "a link").symlink_to(ROOT / "scripts" / "run")
    # bash, which is sh on many machines, hands down that SIGCHLD is ignored; dash doesn't.
    ignoring = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    ignoring += "os.execvp('bash', ['bash', *sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", ignoring, link, "tests.sandbox.entered", "an argument"],
        env={"PATH": os.environ["PATH"], "AWS_PROFILE": "mine", **STEERING},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    found = json.loads(done.stdout)
    assert found["arguments"] == ["an argument"]
    assert found["status"] == 7
    assert not STEERING.keys() & found["environment"].keys()
    assert found["environment"]["AWS_PROFILE"] == "mine"


def test_what_reaches_the_network_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NETWORK.items():
        monkeypatch.setenv(name, value)
    assert installer_environment().items() >= NETWORK.items()


def test_npm_reads_of_a_persons_settings_those_of_the_network(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    with (home / ".npmrc").open("a") as file:
        file.write("registry = https://npm.example/\n")
    (tmp_path / "package.json").write_text("{}")
    names = ("registry", "omit", "dry-run", "before")
    done = subprocess.run(
        [PYTHON.with_name("npm"), "config", "get", *names, "--prefix", tmp_path],
        env=installer_environment(),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.split() == [
        "registry=https://npm.example/",
        "omit=",
        "dry-run=false",
        "before=null",
    ]


def test_line_endings_are_no_persons_choice(tmp_path: Path) -> None:
    for setting in ("true", "false"):
        option = f"core.autocrlf={setting}"
        git.ask(ROOT, "-c", option, "checkout-index", "--all", f"--prefix={tmp_path}/{setting}/")
    names = git.ask(ROOT, "ls-files", "-z").split("\0")[:-1]
    assert not [
        name
        for name in names
        if (tmp_path / "true" / name).read_bytes() != (tmp_path / "false" / name).read_bytes()
    ]
