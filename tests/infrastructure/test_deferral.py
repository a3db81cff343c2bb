import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from backend.functions.deferral import CannotDefer, deferred


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Imports the source as a package `sample`, with a neighbour that notes its own import."""
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "neighbour.py").write_text('class Answer(str):\n    """An answer."""\n')
    monkeypatch.syspath_prepend(tmp_path)

    def load(source: str, *names: str) -> ModuleType:
        (tmp_path / "sample" / "__init__.py").write_text(deferred(source, names or None))
        monkeypatch.delitem(sys.modules, "sample", raising=False)
        monkeypatch.delitem(sys.modules, "sample.neighbour", raising=False)
        return __import__("sample")

    return load


def _is_loaded() -> bool:
    return "sample.neighbour" in sys.modules


@pytest.mark.parametrize(
    "statement",
    ["from .neighbour import Answer", "from sample.neighbour import Answer, Answer as Other"],
)
def test_what_a_package_offers_is_imported_when_it_is_asked_for(
    load: Callable[..., ModuleType], statement: str
) -> None:
    sample = load(f'"""A package."""\n{statement}\n__all__ = ["Answer"]\n')
    assert not _is_loaded()
    assert sample.__doc__ is None or "package" in sample.__doc__
    assert sample.Answer("yes") == "yes"
    assert _is_loaded()
    assert sample.__dict__["Answer"] is sample.Answer
    with pytest.raises(AttributeError, match="module 'sample' has no attribute 'Nothing'"):
        _ = sample.Nothing


@pytest.mark.parametrize(
    "function",
    [
        "def answer():\n    return Answer('yes')\n",
        'def answer():\n    """Says it."""\n    # why\n    return Answer("yes")\n',
        "def answer():\n    def inner():\n        return Answer('yes')\n    return inner()\n",
        "def answer():\n    @str\n    class A(Answer): pass\n    return A and Answer('yes')\n",
        "class Say:\n    def say(self):\n        return Answer('yes')\ndef answer():\n"
        "    return Say().say()\n",
    ],
)
def test_a_function_imports_what_it_uses(load: Callable[..., ModuleType], function: str) -> None:
    sample = load(f"from .neighbour import Answer\n{function}")
    assert not _is_loaded()
    assert sample.answer() == "yes"
    assert sample.answer.__doc__ in {None, "Says it."}


@pytest.mark.parametrize(
    "block",
    [
        "if ready:\n        return Answer('yes')",
        "if not ready:\n        pass\n    else:\n        if 1:\n            return Answer('yes')",
        "if not ready: pass\n    elif ready:\n        return Answer('yes')",
        "for _ in ready:\n        x = 1\n        return Answer('yes')",
        "while ready:\n        return Answer('yes')",
        "if ready:\n        with open('/dev/null') as f:\n            return Answer('yes')",
    ],
)
def test_a_function_imports_it_only_on_the_way_that_uses_it(
    load: Callable[..., ModuleType], block: str
) -> None:
    sample = load(f"from .neighbour import Answer\ndef answer(ready):\n    {block}\n")
    assert sample.answer(()) is None
    assert not _is_loaded()
    assert sample.answer((1,)) == "yes"


@pytest.mark.parametrize(
    "block",
    [
        "if ready: return Answer('yes')",
        "if (\n        ready): return Answer('yes')",
        "if ready:\n        x = 1; return Answer('yes')",
        "if ready: x = 1; \\\n    return Answer('yes')",
        "if ready:\n        return Answer('yes')\n    return Answer('')",
        "if not ready:\n        return Answer('')\n    else:\n        return Answer('yes')",
        "if not ready:\n        return ''\n    elif Answer('yes'):\n        return Answer('yes')",
        "try:\n        return Answer('yes' if ready else '')\n    finally:\n        pass",
        "return Answer('yes') if ready else ''",
    ],
)
def test_where_there_is_no_such_way_it_imports_it_before(
    load: Callable[..., ModuleType], block: str
) -> None:
    sample = load(f"from .neighbour import Answer\ndef answer(ready):\n    {block}\n")
    assert not _is_loaded()
    assert not sample.answer(())
    assert _is_loaded()
    assert sample.answer((1,)) == "yes"


def test_what_is_used_at_once_is_imported_at_once(load: Callable[..., ModuleType]) -> None:
    sample = load(
        "from .neighbour import Answer\nfrom sys import path as p\n"
        "class Other(Answer):\n    pass\ndef f():\n    return p\n"
    )
    assert _is_loaded()
    assert "p" not in vars(sample)
    assert sample.f() is sys.path


def test_annotations_that_nobody_evaluates_do_not_count(load: Callable[..., ModuleType]) -> None:
    source = "from __future__ import annotations\nfrom .neighbour import Answer\n"
    sample = load(source + "def same(answer: Answer) -> Answer:\n    return answer\n")
    assert not _is_loaded()
    assert sample.same(1) == 1


@pytest.mark.parametrize(
    ("source", "names", "reason"),
    [
        ("import os\n", ("sys",), "doesn't import sys"),
        ("try:\n    import os\nexcept ImportError:\n    pass\n", ("os",), "doesn't import os"),
        ("import os\nimport os.path\n", ("os",), "or not once"),
        ("import os\nos = None\n", ("os",), "or not once"),
        ("import os\ndef f():\n    global os\n    os = 1\n", ("os",), "or not once"),
        ("import os\nx = os.sep\n", ("os",), "uses os when it is imported"),
        ("import os\ndef f(x=os.sep):\n    pass\n", ("os",), "uses os when"),
        ("import os\nclass C:\n    x = os.sep\n", ("os",), "uses os when"),
        ("import os\nf = lambda: os.sep\n", ("os",), "uses os when"),
        ("import os\ndef f(x: os.PathLike):\n    pass\n", ("os",), "uses os when"),
        ("import os\ndef f(os):\n    return os\n", ("os",), "f has a os of its own"),
        ("import os\ndef f():\n    os = 1\n    return os\n", ("os",), "f has a os of its own"),
        ("import os\ndef f(): return os.sep\n", ("os",), "f is written on one line"),
        ("import os\ndef __getattr__(name):\n    pass\n", ("os",), "__getattr__ of its own"),
        (
            "import os\ndef f():\n    from sys import path as os\n    return os\n",
            ("os",),
            "f has a os",
        ),
        ("import os\ndef f():\n    def os(): pass\n    return os\n", ("os",), "f has a os"),
        ("import os\ndef f():\n    class os: pass\n    return os\n", ("os",), "f has a os"),
        ("import os\ndef f(x):\n    match x:\n        case os: return os\n", ("os",), "f has a os"),
        ("import os\ndef f(x):\n    match x:\n        case [*os]: return os\n", ("os",), "f has"),
        ("import os\ndef f(x):\n    match x:\n        case {**os}: return os\n", ("os",), "f has"),
        ("import os\ndef f():\n    try: f()\n    except OSError as os: os.x\n", ("os",), "f has"),
        ("import os\ndef f[os]():\n    return os\n", ("os",), "or not once"),
        ("import os\ndef os():\n    pass\n", ("os",), "or not once"),
        ("import os\ntry:\n    import os\nfinally:\n    pass\n", ("os",), "or not once"),
        ("import os; X = 1\ndef f():\n    return os\n", ("os",), "something else is on the line"),
        ("X = 1; import os\ndef f():\n    return os\n", ("os",), "something else is on the line"),
        ("from os import *\nimport sys\n", None, "imports all of"),
        ("x = 1\n", None, "nothing that could be deferred"),
    ],
)
def test_what_can_not_be_proven_to_be_the_same_is_refused(
    source: str, names: tuple[str, ...] | None, reason: str
) -> None:
    with pytest.raises(CannotDefer, match=reason):
        deferred(source, names)


def test_what_only_python_counts_as_one_line_is_one(load: Callable[..., ModuleType]) -> None:
    source = "from .neighbour import Answer\nX = '\x0c \u2028'\n\x0c\ndef answer(ready):\n"
    sample = load(
        source + "    if ready:\n        return 1\n    else:\n        return Answer('yes')\n"
    )
    assert (sample.answer(1), _is_loaded(), sample.answer(0)) == (1, False, "yes")


def test_all_else_stays_as_it_is_and_the_change_is_said() -> None:
    source = "# Licence.\nfrom os import sep, path\n\nX = sep  # why\n"
    lines = deferred(source, None).splitlines()
    assert lines[0].startswith("# Changed when this was bundled")
    assert lines[1:5] == ["# Licence.", "from os import sep", "", "X = sep  # why"]
    assert '    "path": "from os import path",' in lines
