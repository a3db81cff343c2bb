import sys

import pytest

from tooling import audit, git
from tooling.install import ROOT, installer_environment


def test_every_lock_is_audited() -> None:
    locks = git.ask(ROOT, "ls-files", "*uv.lock", "*package-lock.json").splitlines()
    assert sorted(lock for lock, _ in audit.commands()) == sorted(locks)


@pytest.mark.parametrize("registry", [None, "http://127.0.0.1:9"])
def test_it_passes_only_if_every_database_says_so(
    registry: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, (lock, npm) = audit.commands()
    unanswered = [*npm, "--registry", registry] if registry else ["true"]
    monkeypatch.setattr(audit, "commands", lambda: [("uv.lock", ["true"]), (lock, unanswered)])
    offline = {**installer_environment(), "npm_config_offline": "true"}
    monkeypatch.setattr(audit, "installer_environment", lambda: offline)
    monkeypatch.setattr(sys, "argv", ["audit"])
    if registry:
        with pytest.raises(SystemExit, match="1"):
            audit.main()
        assert f"could not be audited (see above): {lock}." in capsys.readouterr().err
    else:
        audit.main()
        assert capsys.readouterr().err == "No known vulnerabilities (0 accepted).\n"
