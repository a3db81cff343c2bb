"""./scripts/audit, with databases of the tests' own that speak the real ones' protocols."""

import datetime
import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from supplychain import advisories, audit, settings
from supplychain.advisories import Advisory
from supplychain.settings import AcceptedAdvisory, Settings
from tooling.install import ROOT
from tooling.progress import Failure

NPM = "/-/npm/v1/security/advisories/bulk"
# As https://google.github.io/osv.dev/post-v1-query/ has it, without what nobody reads.
OF_CRYPTOGRAPHY = {
    "id": "PYSEC-2099-1",
    "aliases": ["CVE-2099-1", "GHSA-aaaa-bbbb-cccc"],
    "summary": "A fault",
    "details": "A fault",
    "modified": "2099-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "cryptography", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0.1"}]}],
        }
    ],
}
OF_CDK = {
    "aws-cdk": [
        {
            "id": 1,
            "url": "https://github.com/advisories/GHSA-dddd-eeee-ffff",
            "title": "A fault",
            "severity": "high",
            "vulnerable_versions": "<99.0.2",
            "cwe": [],
            "cvss": {"score": 0, "vectorString": None},
        }
    ]
}


@dataclass
class Databases:
    """What they know, what they were asked, and where they are."""

    address: str = ""
    python: dict[str, Any] = field(default_factory=dict)
    node: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Databases]:
    known = Databases()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer: dict[str, Any] = {}
            if self.path == "/osv":
                package = json.loads(body)["package"]
                assert package["ecosystem"] == "PyPI"
                known.asked.append(package["name"])
                answer = {"vulns": [known.python[package["name"]]]} if self._is_known(body) else {}
            elif self.path == NPM:
                answer = known.node
            self.send_response(known.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def do_GET(self) -> None:
            # npm asks how to repair what it found, and does without.
            self.send_response(404)
            self.end_headers()

        def _is_known(self, body: bytes) -> bool:
            return json.loads(body)["package"]["name"] in known.python

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    known.address = f"http://127.0.0.1:{server.server_port}"
    ask(monkeypatch, known.address)
    yield known
    server.shutdown()
    server.server_close()
    thread.join()


def ask(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let the audit ask there, about one group and one folder: the others differ in nothing."""
    monkeypatch.setattr(advisories, "OSV", f"{address}/osv")
    monkeypatch.setattr(advisories, "REGISTRY", address)
    monkeypatch.setattr(settings, "groups", lambda: ["emulator"])
    monkeypatch.setattr(settings, "NODE_FOLDERS", (".",))
    monkeypatch.setattr(sys, "argv", ["audit"])


def accept(monkeypatch: pytest.MonkeyPatch, *entries: AcceptedAdvisory) -> None:
    monkeypatch.setattr(
        settings,
        "read",
        lambda: Settings(frozenset(), frozenset(), {}, frozenset(), entries),
    )


def run() -> int:
    """The exit status."""
    try:
        audit.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_what_is_known_is_said_with_its_remedy(
    databases: Databases, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(monkeypatch)
    databases.python["cryptography"] = OF_CRYPTOGRAPHY
    databases.node = OF_CDK
    assert run() == 1
    said = capsys.readouterr().err
    version = _locked("emulator", "cryptography")
    assert (
        f"cryptography {version} (emulator) has PYSEC-2099-1, CVE-2099-1, GHSA-aaaa-bbbb-cccc: "
        "fixed in 99.0.1.\n"
    ) in said
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert (
        f"aws-cdk {pinned} (.) has GHSA-dddd-eeee-ffff: npm knows no fix; affected are <99.0.2.\n"
    ) in said


def test_where_nothing_is_known_all_is_well(
    databases: Databases, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(monkeypatch)
    assert run() == 0
    assert "No known vulnerabilities (0 accepted)." in capsys.readouterr().err
    assert {"ministack", "boto3", "botocore", "cryptography"} <= set(databases.asked)


def test_what_is_accepted_is_no_fault(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.python["cryptography"] = OF_CRYPTOGRAPHY
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    accept(monkeypatch, AcceptedAdvisory("CVE-2099-1", "Nothing here calls it.", tomorrow))
    assert run() == 0


@pytest.mark.parametrize("status", [404, 405, 500])
def test_a_database_that_refuses_is_no_good_news(
    status: int,
    databases: Databases,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accept(monkeypatch)
    databases.status = status
    assert run() == 1
    said = capsys.readouterr().err
    assert "could not be asked about the Python packages of emulator" in said
    assert "could not be asked about the Node packages of ." in said
    assert "No known vulnerabilities" not in said


def test_without_a_network_it_fails_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(monkeypatch)
    ask(monkeypatch, "http://127.0.0.1:9")  # nobody is there
    assert run() == 1
    said = capsys.readouterr().err
    assert said.count("so nothing is known of them: connect this machine") == 2


def test_what_other_machines_install_is_asked_about(databases: Databases) -> None:
    exported = {"pywin32-ctypes", "colorama", "appnope"}
    assert advisories.of_python("dev") == []
    locked = _packages("dev")
    assert set(databases.asked) == locked
    assert exported & locked  # else this says nothing


def test_an_exception_ends_and_is_used() -> None:
    found = [Advisory("dev", "six 1", ("PYSEC-1", "CVE-1"), "fixed in 2")]
    today = datetime.date(2027, 1, 31)

    def judge(*accepted: AcceptedAdvisory, is_complete: bool = True) -> list[str]:
        return audit.judge(found, accepted, today, is_complete=is_complete)

    assert judge() == ["six 1 (dev) has PYSEC-1, CVE-1: fixed in 2."]
    assert judge(AcceptedAdvisory("CVE-1", "why", today)) == []
    assert judge(AcceptedAdvisory("CVE-1", "why", datetime.date(2027, 1, 30))) == [
        "six 1 (dev) has PYSEC-1, CVE-1: fixed in 2.",
        "CVE-1 was accepted until 2027-01-30 only: decide again.",
    ]
    stale = (AcceptedAdvisory("PYSEC-1", "why", today), AcceptedAdvisory("CVE-9", "why", today))
    assert judge(*stale) == ["CVE-9 is accepted, but nothing locked has it: take it out."]
    assert judge(*stale, is_complete=False) == []


def test_an_exception_is_read_from_pyproject(tmp_path: Path) -> None:
    entry = '{ id = "CVE-1", reason = "Nothing here calls it.", until = 2027-01-31 }'
    content = (ROOT / "pyproject.toml").read_text()
    changed = re.sub("(?m)^accepted-advisories = .*", f"accepted-advisories = [{entry}]", content)
    (tmp_path / "pyproject.toml").write_text(changed)
    assert settings.read(tmp_path).accepted_advisories == (
        AcceptedAdvisory("CVE-1", "Nothing here calls it.", datetime.date(2027, 1, 31)),
    )


def test_every_exception_has_a_reason() -> None:
    for entry in settings.read().accepted_advisories:
        assert len(entry.reason) > 40


def test_all_that_is_locked_is_audited() -> None:
    # Every group that isn't a part of another.
    assert {*settings.groups()} == {"dev", "emulator", "scanners"}
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for pattern in ("package-lock.json", "tests/*/package-lock.json")
        for path in ROOT.glob(pattern)
    }
    assert {*settings.NODE_FOLDERS} == folders


def test_a_group_that_is_not_there_is_an_error() -> None:
    with pytest.raises(Failure, match="uv export failed"):
        advisories.of_python("nothing")


def _packages(group: str) -> set[str]:
    return {line.split("==")[0] for line in advisories.exported(group) if "==" in line}


def _locked(group: str, name: str) -> str:
    [line] = (line for line in advisories.exported(group) if line.startswith(f"{name}=="))
    return line.removeprefix(f"{name}==").split()[0]
