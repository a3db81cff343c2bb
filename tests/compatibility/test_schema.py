"""What this checkout's code writes is what the newest release wrote."""

import difflib
import zipfile
from pathlib import Path

import pytest

from backend.api.asset import ASSET
from backend.functions.bundling import shipped
from backend.users.dynamodb.items import SHARDS, user_partition
from backend.users.schema import WRITABLE
from tests.compatibility import release
from tests.compatibility.releases import all_releases
from tests.compatibility.written import Written

NEWEST = all_releases()[-1]
# One worker starts the engine, if there are several.
pytestmark = pytest.mark.xdist_group("engine")


def test_the_items_are_those_of_the_newest_release(written_now: Written) -> None:
    released = NEWEST.written()
    if written_now == released:
        return
    lines = difflib.unified_diff(
        released.text().splitlines(), written_now.text().splitlines(), str(NEWEST), "now", n=4
    )
    pytest.fail(
        "\n".join(list(lines)[:60])
        + f"\nThe code writes other items than {NEWEST}'s. If that is meant: .venv/bin/python -m "
        f"tests.compatibility.release {NEWEST.number + 1} (docs/change.md, Change what is stored).",
        pytrace=False,
    )


def test_the_items_have_all_that_the_schema_has(written_now: Written) -> None:
    users = [user.document for user in written_now.users]
    for name, schema in WRITABLE.items():
        values = [user.get(name) for user in users]
        if not any(values):
            pytest.fail(
                f"No request of tests/compatibility/population.py sets {name}: add one.",
                pytrace=False,
            )
        assert None in values or "default" in schema, f"no user of population.py is without {name}"
    assert {user["status"] for user in users} == set(WRITABLE["status"]["enum"])
    partitions = {item["pk"]["S"] for item in written_now.items}
    assert {user_partition(shard) for shard in range(SHARDS)} <= partitions


def test_the_newest_release_has_its_code() -> None:
    # Older code goes once no environment can go back to it.
    assert NEWEST.code.exists()


def test_the_releases_are_numbered_without_a_gap() -> None:
    numbers = [released.number for released in all_releases()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_release_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["release", str(NEWEST.number)])
    with pytest.raises(SystemExit):
        release.main()
    assert f"make release {NEWEST.number + 1}" in capsys.readouterr().err


def test_the_same_code_makes_the_same_archive(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        release.archive(tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        modules = [str(path) for path in shipped(ASSET) if path.suffix == ".py"]
        assert archive.namelist() == modules
