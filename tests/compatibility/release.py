"""Records this checkout's schema as a release: docs/change.md says when.

python -m tests.compatibility.release NUMBER
"""

import argparse
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from backend.api.asset import ASSET
from backend.functions.bundling import shipped
from tests.compatibility.function import started
from tests.compatibility.releases import FOLDER, Release, all_releases
from tests.compatibility.written import write
from tests.dynamodb_local import create_table, make_client, started_engine
from tooling.install import ROOT

_TABLE_NAME: Final = "users"


def main() -> None:
    """Write the release's folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility.release")
    parser.add_argument("number", type=int, help="the new release", metavar="NUMBER")
    release = Release(parser.parse_args().number)
    newest = max((r.number for r in all_releases()), default=0)
    if release.number != newest + 1:
        parser.error(
            f"the newest release is {newest}, and releases must not change: "
            f"make release {newest + 1}."
        )
    with started_engine() as endpoint:
        client = make_client(endpoint)
        create_table(client, _TABLE_NAME)
        with started(ROOT, endpoint, _TABLE_NAME) as function:
            written = write(function, client, _TABLE_NAME)
    # All files or none.
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as made:
        made_items = Path(made) / release.items.name
        made_items.write_text(written.text(), "utf-8")
        archive(Path(made) / release.code.name)
        release.items.parent.mkdir()
        for path in Path(made).iterdir():
            path.rename(release.items.parent / path.name)
    print(  # noqa: T201 it is the output
        f"Made {release.items.parent.relative_to(ROOT)}. Check how its items.json differs from the "
        "last release's. Commit the folder with the code; it must not change after that. Then run "
        "pytest tests/compatibility."
    )


def archive(path: Path) -> None:
    """Write the function's modules into an archive; the same modules give the same bytes."""
    # Not compressed, because that depends on zlib's version, and git compresses anyway.
    with zipfile.ZipFile(path, "w") as opened:
        for module in (path for path in shipped(ASSET) if path.suffix == ".py"):
            entry = zipfile.ZipInfo(module.as_posix())
            entry.create_system = 3  # Unix, on whichever system it was made
            entry.external_attr = 0o100644 << 16
            opened.writestr(entry, (ROOT / module).read_bytes())


if __name__ == "__main__":
    main()
