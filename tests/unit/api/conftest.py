import zipfile
from collections.abc import Iterator

import pytest

from backend.api.asset import ASSET
from backend.api.runtime import pages
from backend.functions import bundling
from backend.functions.platform import HOST
from tests.unit.api.page import Client


@pytest.fixture
def client() -> Client:
    """Return a client of an API without users."""
    return Client()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Serve the folder as it ships, with what the build adds to it."""
    folder = tmp_path_factory.mktemp("shipped")
    with zipfile.ZipFile(bundling.build(ASSET, HOST).path) as archive:
        archive.extractall(folder, [n for n in archive.namelist() if "/static/" in n])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FOLDER", folder / "backend/api/runtime/static")
        yield
