from pathlib import Path

import pytest

from localcloud import live

RUNTIME = Path("backend", "api", "runtime")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(live, "ROOT", tmp_path)
    (tmp_path / RUNTIME).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "app.py",
        "docs/openapi.json",
        "backend/component.py",
        "backend/api/runtime/bodies.py",
        "backend/api/runtime/static/docs.css",
        "backend/api/runtime/requirements.txt",
    ],
)
def test_what_a_deployment_is_made_from_is_watched(name: str, checkout: Path) -> None:
    assert _noticed(checkout, name) == [Path(name)]


@pytest.mark.parametrize(
    "name",
    [
        ".mypy_cache/3.13/models.data.json",
        ".ipynb_checkpoints/bodies.py",
        "__pycache__/models.cpython-313.pyc",
        "#bodies.py#",
        "bodies.py~",
        "models.ipynb",
        "notes.html",
    ],
)
def test_what_tools_leave_behind_is_not(name: str, checkout: Path) -> None:
    assert _noticed(checkout, str(RUNTIME / name)) == []


def _noticed(checkout: Path, name: str) -> list[Path]:
    """What is noticed when the file appears and nothing follows."""
    watch = live.Watch()
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("left = True\n")
    for _ in range(2):
        has_changed = watch.has_changed()
    return watch.take() if has_changed else []


@pytest.mark.parametrize(
    ("path", "is_code"),
    [
        ("backend/api/runtime/calls.py", True),
        ("backend/users/schema.py", True),
        ("docs/openapi.json", True),
        ("backend/users/dynamodb/layout.py", False),  # the table has these keys, too
        ("backend/api/routes.py", False),
        ("backend/component.py", False),
    ],
)
def test_what_the_stack_is_made_from_is_deployed(path: str, is_code: bool) -> None:
    assert live._is_code(Path(path), {"backend/__init__.py"}) is is_code


@pytest.mark.parametrize("path", ["backend/users/errors.py", "backend/users/new.py"])
def test_what_another_function_ships_too_is_deployed(path: str) -> None:
    others = {"backend/__init__.py", "backend/users/errors.py", "backend/census/runtime/count.py"}
    assert not live._is_code(Path(path), others)
    assert live._is_code(RUNTIME / "calls.py", others)
