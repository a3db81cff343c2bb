"""Defers a Python module's imports to their first use, without changing what the module does.

A package's `__init__` often imports everything that the package offers, and modules import what
only rarely used functions need. A Lambda function pays for both at each cold start. This rewrites
such a module's source: functions import names where they use them, and reading one of the names as
an attribute of the module imports it then (PEP 562). Modules for which this could make a difference
are refused.
"""

import ast
import io
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

type _Function = ast.FunctionDef | ast.AsyncFunctionDef

_NOTICE: Final = "# Changed when this was bundled: imports are deferred to their first use.\n"
_GETTER: Final = """

_DEFERRED = {{
{table}
}}


def __getattr__(name):
    if name not in _DEFERRED:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    exec(_DEFERRED[name], globals())
    return globals()[name]
"""


class CannotDefer(Exception):
    """The module's imports can't be deferred. The message says why."""


class _Imported(NamedTuple):
    """A name that a module imports.

    Attributes:
        statement: The import statement.
        alias: The part of the statement that binds the name.
    """

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias

    @property
    def text(self) -> str:
        """A statement that imports this name alone."""
        return _text(self.statement, [self.alias])


def deferred(source: str, names: Sequence[str] | None) -> str:
    """Return a module's source with imports deferred.

    Args:
        source: The module's source.
        names: The names whose imports to defer; None for all that can be.

    Raises:
        CannotDefer: A name isn't imported exactly once at the module's top level or is used when
            the module is imported, or the module has constructs that this can't rewrite.
    """
    tree = ast.parse(source)
    imported = _imported(tree)
    in_use = {node.id for node in _executed(tree) if isinstance(node, ast.Name)}
    chosen = [name for name in imported if name not in in_use] if names is None else list(names)
    for name in chosen:
        if name not in imported:
            raise CannotDefer(f"it doesn't import {name}, or not once")
        if name in in_use:
            raise CannotDefer(f"it uses {name} when it is imported")
    if not chosen:
        raise CannotDefer("it imports nothing that could be deferred")
    if any(isinstance(node, _FUNCTIONS) and node.name == "__getattr__" for node in tree.body):
        raise CannotDefer("it has a __getattr__ of its own")
    lines = io.StringIO(source).readlines()  # ast's lines; splitlines() also splits elsewhere
    # Edited from the end, so that the numbers of earlier lines stay right.
    edits = [*_inserted(tree, lines, {name: imported[name] for name in chosen})]
    edits += _removed(lines, [imported[name] for name in chosen])
    for first, last, text in sorted(edits, reverse=True):
        lines[first:last] = [text] if text else []
    table = "\n".join(f'    "{name}": "{imported[name].text}",' for name in chosen)
    return _NOTICE + "".join(lines).rstrip("\n") + "\n" + _GETTER.format(table=table)


_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def _imported(tree: ast.Module) -> dict[str, _Imported]:
    """Return the names that the module imports once at top level and binds nowhere else."""
    found: dict[str, list[_Imported]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                if alias.name == "*":
                    raise CannotDefer(f"it imports all of {ast.unparse(statement)}")
                found.setdefault(_name(alias), []).append(_Imported(statement, alias))
    rebound = {
        name
        for node in ast.walk(tree)
        for name in (node.names if isinstance(node, ast.Global) else ())
    }
    own = {id(statement) for uses in found.values() for statement, _ in uses}
    rebound |= {
        name
        for node in _executed(tree)
        if id(node) not in own and not isinstance(node, ast.arg)
        for name in _bound(node)
    }
    return {n: uses[0] for n, uses in found.items() if len(uses) == 1 and n not in rebound}


def _name(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def _bound(node: ast.AST) -> Iterator[str]:
    """Return the names that a node itself binds or deletes."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from map(_name, aliases)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.arg(arg=name) | ast.TypeVar(name=name):
            yield name
        case ast.ParamSpec(name=name) | ast.TypeVarTuple(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk the nodes that run when the module is imported: all but the bodies of functions."""
    annotated = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field == "body" and isinstance(node, _FUNCTIONS):
                continue
            if annotated and field in {"annotation", "returns"}:
                continue
            parts = value if isinstance(value, list) else [value]
            waiting += [part for part in parts if isinstance(part, ast.AST)]


def _inserted(
    tree: ast.Module, lines: Sequence[str], chosen: dict[str, _Imported]
) -> Iterator[tuple[int, int, str]]:
    """Return the edits that add to each outermost function imports of the names that it uses.

    An edit is (first line, line after the last, new text), counted from 0.
    """
    for function in _executed(tree):
        if not isinstance(function, _FUNCTIONS):
            continue
        names = sorted(name for name in chosen if _uses(function.body, name))
        _require_unbound(function, names)
        for name in names:
            place = _place(function.body, name, lines)
            if place is None:
                raise CannotDefer(f"{function.name} is written on one line")
            line = _first_line(place)
            yield line, line, f"{lines[line][: place.col_offset]}{chosen[name].text}\n"


def _place(body: list[ast.stmt], name: str, lines: Sequence[str]) -> ast.stmt | None:
    """Find the statement to import a name before: its first use in the innermost block with all.

    Returns:
        The statement; None if no line can be added before it.
    """
    first, *others = (statement for statement in body if _uses([statement], name))
    if not others and isinstance(first, ast.If | ast.For | ast.While | ast.With):
        for block in (first.body, getattr(first, "orelse", [])):
            if _uses(block, name) == _uses([first], name):
                inner = _place(block, name, lines)
                if inner is not None:
                    return inner
    line = _first_line(first)
    before, text = lines[line - 1] if line else "", lines[line]
    # False for "if x: return name", "y = x; return name", continued lines and "elif name:".
    stands_alone = (
        len(text) - len(text.lstrip()) == first.col_offset
        and not before.rstrip("\r\n").endswith("\\")
        and not text.lstrip().startswith("elif")
    )
    return first if stands_alone else None


def _uses(body: list[ast.stmt], name: str) -> int:
    """Count how many times the statements use a name."""
    nodes = ast.walk(ast.Module(body, []))
    return sum(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _first_line(statement: ast.stmt) -> int:
    """Return a statement's first line with its decorators, counted from 0."""
    decorators = getattr(statement, "decorator_list", ())
    line: int = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return line - 1


def _require_unbound(function: _Function, names: Sequence[str]) -> None:
    bound = {name for node in ast.walk(function) if node is not function for name in _bound(node)}
    for name in names:
        if name in bound:
            raise CannotDefer(f"{function.name} has a {name} of its own")


def _removed(lines: Sequence[str], chosen: Sequence[_Imported]) -> Iterator[tuple[int, int, str]]:
    """Return the edits that remove the chosen names from their import statements."""
    for statement in {id(one.statement): one.statement for one in chosen}.values():
        end = statement.end_lineno or statement.lineno
        rest = lines[end - 1].encode()[statement.end_col_offset :].strip()
        if statement.col_offset or (rest and not rest.startswith(b"#")):
            raise CannotDefer(f"something else is on the line of {ast.unparse(statement)}")
        gone = {id(one.alias) for one in chosen}
        left = [alias for alias in statement.names if id(alias) not in gone]
        text = f"{_text(statement, left)}\n" if left else ""
        yield statement.lineno - 1, end, text


def _text(statement: ast.Import | ast.ImportFrom, aliases: list[ast.alias]) -> str:
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(aliases))
    return ast.unparse(ast.ImportFrom(statement.module, aliases, statement.level))
