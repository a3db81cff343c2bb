"""./scripts/sandbox itself: what it keeps, what it leaves, and whom it can't reach."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

import constants
from tests.sandbox.conftest import (
    ROOT,
    Sandbox,
    Start,
    command_without_cloud,
    invoke_command,
    sandbox_command,
    token_command,
    with_token,
)
from tooling.install import LOCAL


def _read_until(terminal: int, pattern: bytes) -> bytes:
    output = b""
    while not (found := re.search(pattern, output)):
        output += os.read(terminal, 1024)
    return found[1]


def _app(folder: Path, command: str) -> Path:
    """A CDK application that is this command."""
    (folder / "cdk.json").write_text(json.dumps({"app": command}))
    return folder


def endpoint_in(output: str) -> str:
    [found] = re.findall(r"Ready after [\d.]+ s: (\S+)", output)
    return str(found)


def call(
    port: int, method: str, path: str, headers: dict[str, str], document: object = None
) -> httpx.Response:
    url = f"http://127.0.0.1:{port}{path}"
    return httpx.request(method, url, json=document, headers=headers, timeout=120, trust_env=False)


@pytest.fixture
def app_of_another_stack(app: Path, tmp_path: Path) -> Path:
    """The app as it is after a team has renamed it."""
    shutil.copytree(app / "assembly", folder := tmp_path / "renamed" / "assembly")
    manifest = folder / "manifest.json"
    name = f'"{constants.LOCAL.stack_name}": {{'
    assert name in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(name, '"Renamed-Local": {'))
    command = f"cp -R {folder}/. $CDK_OUTDIR"
    (folder.parent / "cdk.json").write_text(json.dumps({"app": command}))
    return folder.parent


def test_users_stay_after_a_clean_stop_and_a_kill_goes_back_to_it(
    start: Start, port: int, tmp_path: Path, app_of_another_stack: Path
) -> None:
    folder = tmp_path / "sandbox"
    table = folder / "kept-7" / "state" / "dynamodb.json"
    table.parent.mkdir(parents=True)
    table.write_text(damaged := '{"__ministack_format__": 2, "payload": {')
    refused = start("--port", str(port))
    assert refused.finish() == 1
    assert "can't be read; its log is above. Repair it, or start with --fresh" in refused.output
    assert refused.left_running() == []
    assert table.read_text() == damaged

    first = start("--port", str(port), "--fresh")
    output = first.read_until("Ctrl-C stops it")
    endpoint = endpoint_in(output)
    assert endpoint == f"http://127.0.0.1:{port}"
    assert f"\nRead and try the API in a browser: {endpoint}/docs\n" in output
    listening = [
        (connection.laddr.ip, connection.laddr.port)
        for process in [first.process.pid, *(child.pid for child in first.descendants)]
        for connection in psutil.Process(process).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", port)]
    headers = with_token(folder)
    created = call(port, "POST", "/users", headers, {"username": "jane"})
    assert created.status_code == 201

    second = start("--port", str(port))
    assert second.finish() == 1
    assert f"runs already (process {first.process.pid}, port {port})" in second.output

    first.descendants += psutil.Process(first.process.pid).children(recursive=True)
    assert first.signal(signal.SIGINT) == 0
    assert first.left_running() == []

    renamed = start("--port", str(port), app=app_of_another_stack)
    assert renamed.finish() == 1
    assert f"holds the stack {constants.LOCAL.stack_name} with its users" in renamed.output
    assert "now names it Renamed-Local" in renamed.output

    again = start("--port", str(port))
    again.read_until("Ctrl-C stops it")
    # The token from before the stop still works.
    assert call(port, "GET", "/users/jane", headers).json() == created.json()
    assert call(port, "POST", "/users", headers, {"username": "lost"}).status_code == 201
    [cloud] = psutil.Process(again.process.pid).children()
    cloud.kill()
    assert again.finish() == 1
    assert "The local cloud ended by itself; its log is above" in again.output
    assert "The next start has the users that the last clean stop kept" in again.output
    assert again.left_running() == []

    last = start("--port", str(port))
    last.read_until("Ctrl-C stops it")
    assert call(port, "GET", "/users/jane", headers).json() == created.json()
    assert call(port, "GET", "/users/lost", headers).status_code == 404
    assert last.signal(signal.SIGTERM) == 0
    assert last.left_running() == []


class TestCommand:
    """What surrounds a COMMAND; the last test of this module has a cloud behind it."""

    @pytest.fixture
    def begin(self, start: Start, tmp_path: Path) -> Callable[..., Sandbox]:
        def begin(*words: str) -> Sandbox:
            return start("--", *words, command=command_without_cloud(tmp_path / "sandbox"))

        return begin

    def test_what_a_killed_one_left_is_removed_and_what_another_holds_is_not(
        self, begin: Callable[..., Sandbox]
    ) -> None:
        # No process here has these numbers; in another container, one may.
        left, held = LOCAL / "run-999999999-left", LOCAL / "run-999999999-held"
        left.mkdir()
        held.mkdir()
        lock = os.open(held, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert begin("true").finish() == 0
            assert held.exists()
            assert not left.exists()
        finally:
            os.close(lock)
            held.rmdir()

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_an_interruption_ends_the_command_too(
        self, begin: Callable[..., Sandbox], number: signal.Signals, status: int
    ) -> None:
        sandbox = begin("sh", "-c", "echo started; sleep 1000; echo not reached")
        sandbox.read_until("started")
        assert sandbox.signal(number) == status
        assert "not reached" not in sandbox.output
        assert sandbox.left_running() == []
        assert not list(LOCAL.glob(f"run-{sandbox.process.pid}-*"))

    def test_at_a_terminal_it_has_the_keyboard_and_its_children_end_with_it(
        self, tmp_path: Path
    ) -> None:
        # What it has read, it read with the keyboard; before, Ctrl-C was the sandbox's.
        script = "read a; trap 'echo trapped' INT; sleep 1000 & echo child $!; "
        script += "read a || read a; exit 7"
        command = command_without_cloud(tmp_path / "sandbox", "--", "sh", "-c", script)
        process, terminal = pty.fork()
        if process == 0:
            os.execve(command[0], command, {**os.environ, "PYTHONPATH": str(ROOT)})  # noqa: S606
        os.write(terminal, b"hello\n")
        child = int(_read_until(terminal, rb"child (\d+)"))
        os.write(terminal, b"\x03")  # Ctrl-C
        _read_until(terminal, rb"(trapped)")
        os.write(terminal, b"hello\n")
        _, status = os.waitpid(process, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        os.close(terminal)
        psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=300)
        assert not psutil.pid_exists(child)

    def test_an_unknown_command_is_refused_before_anything_starts(self, start: Start) -> None:
        sandbox = start("--", "no-such-command")
        assert sandbox.finish() == 127
        assert sandbox.output == (
            "'no-such-command' can't be run: correct the name, or make the file executable.\n"
        )


def test_an_interruption_before_it_is_ready_leaves_nothing(start: Start, port: int) -> None:
    sandbox = start("--port", str(port))
    sandbox.read_until("local cloud ...")  # cdk synth runs beside the next step
    assert sandbox.signal(signal.SIGTERM) == 143
    assert sandbox.left_running() == []


def test_when_it_is_killed_during_a_deployment_that_does_not_go_on(
    start: Start, port: int, tmp_path: Path
) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    started = os.open(fifo, os.O_RDWR)
    sandbox = start("--port", str(port), app=_app(tmp_path, f"echo > {fifo}; exec sleep 1000"))
    sandbox.read_until("local cloud ...")
    assert select.select([started], [], [], 300)[0]
    os.close(started)
    sandbox.descendants = psutil.Process(sandbox.process.pid).children(recursive=True)
    sandbox.signal(signal.SIGKILL)
    assert sandbox.left_running() == []


def test_a_step_that_fails_says_so_and_leaves_nothing(
    start: Start, port: int, tmp_path: Path
) -> None:
    app = _app(tmp_path, "echo this app is broken >&2; exit 1")
    sandbox = start("--port", str(port), app=app)
    sandbox.read_until("local cloud ...")
    assert sandbox.finish() == 1
    assert re.search(r"cdk synth \.\.\. failed after [\d.]+ s", sandbox.output)
    assert "this app is broken" in sandbox.output
    assert sandbox.output.rstrip().endswith("cdk synth failed; its output is above.")
    assert sandbox.left_running() == []


def test_a_taken_port_is_named(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sandbox = start("--port", str(port))
        assert sandbox.finish() == 1
    assert sandbox.output == (
        f"Port {port} is taken by another program: stop it, or choose one with --port.\n"
    )


LIMITED = 'ulimit -f 0; exec "$@"'
NOT_PERMITTED = r"[\w -]+ \(/sys/sandbox\): (give yourself the|use a checkout on a) .+\.\n"
TOO_LARGE = r"File too large: raise the limit on a file's size \(ulimit -f\)\.\n"
NO_SANDBOX = r"No sandbox of this checkout runs: start \./scripts/sandbox in another terminal\.\n"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (lambda _: sandbox_command(Path("/sys/sandbox")), NOT_PERMITTED),  # nobody makes that
        (lambda folder: ["sh", "-c", LIMITED, "sh", *sandbox_command(folder)], TOO_LARGE),
        (token_command, NO_SANDBOX),
        (lambda folder: invoke_command(folder, "GET", "/health"), NO_SANDBOX),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    tmp_path: Path, command: Callable[[Path], list[str]], sentence: str
) -> None:
    done = subprocess.run(command(tmp_path), check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(sentence, done.stderr), done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "0"], "'0' is not a port: use a number from 1 to 65535"),
        (["--port", "http"], "'http' is not a port: use a number from 1 to 65535"),
        (["--"], "there is no COMMAND after --"),
        (["--fresh", "--", "true"], "leave those options out"),
        (["--enforce-iam"], "--enforce-iam is for a COMMAND"),
    ],
)
def test_bad_arguments_are_refused(start: Start, arguments: list[str], sentence: str) -> None:
    sandbox = start(*arguments)
    assert sandbox.finish() == 2
    assert sentence in sandbox.output


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, list[bytes]]]:
    """A server that stands for the real AWS and for any proxy, and what reached it."""
    reached: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    reached.append(connection.recv(1024))

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], reached
        server.shutdown(socket.SHUT_RDWR)


def test_a_command_cannot_reach_aws_whatever_the_machine_holds_and_leaves_nothing(
    start: Start, tmp_path: Path, elsewhere: tuple[int, list[bytes]]
) -> None:
    port, reached = elsewhere
    url = f"http://127.0.0.1:{port}"
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    settings = f"region = eu-west-1\nendpoint_url = {url}\ncredential_process = curl {url}\n"
    sections = f"[default]\n{settings}[profile real]\n{settings}services = real\n"
    services = f"[services real]\ncloudformation =\n  endpoint_url = {url}\n"
    (home / ".aws" / "config").write_text(sections + services)
    (home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"
    )
    (home / ".cdk.json").write_text('{"profile": "real", "context": {"environment": "production"}}')
    poison = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}},
        "HOME": str(home),
        "AWS_PROFILE": "real",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "CDK_DEFAULT_ACCOUNT": "111111111111",
        "CDK_DEFAULT_REGION": "eu-west-1",
        **{
            f"AWS_ENDPOINT_URL_{s}": url for s in ("CLOUDFORMATION", "DYNAMODB", "S3", "SSM", "STS")
        },
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), url),
        **dict.fromkeys(("ALL_PROXY", "all_proxy"), f"socks5h://127.0.0.1:{port}"),
        "NODE_OPTIONS": "--require /no/such/module",
    }
    # The command asks for the table as any developer's script would: with an SDK, and no settings.
    script = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    command = 'set -e; "$0" -c "$1"; echo "$API_ENDPOINT" "$AWS_ENDPOINT_URL"; '
    command += "sleep 1000 & echo started; exit 7"
    sandbox = start(
        "--", "/bin/sh", "-c", command, sys.executable, script, environment=poison, app=ROOT
    )
    sandbox.read_until(constants.LOCAL.stack_name)
    sandbox.read_until("started")
    assert sandbox.finish() == 7, sandbox.output
    assert reached == []
    assert re.search(r"^(http://127.0.0.1:\d+) \1$", sandbox.output, re.MULTILINE)
    assert sandbox.left_running() == []
    assert not list(LOCAL.glob(f"run-{sandbox.process.pid}-*"))
    assert not (tmp_path / "sandbox").exists()  # where the one that serves has its data
    assert ".local/command.log has what the local cloud" in sandbox.output
    assert stat.S_IMODE((LOCAL / "command.log").stat().st_mode) == 0o600
