"""Writes stateful.json, docs/dashboard.svg and docs/pipeline.svg, which the templates make.

.venv/bin/python -m tests.infrastructure.write
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tooling.install import NODE_FOLDER, ROOT

# The CDK starts Node when it is imported: the checkout's, whatever else is on the PATH.
os.environ["JSII_NODE"] = str(NODE_FOLDER / "node")

import app
import toolchain
from tests.infrastructure import dashboard, records, stages
from tests.infrastructure.stateful import stateful
from tests.infrastructure.synthesis import synthesize


def main() -> None:
    """Synthesize the tests' own records, and write."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name in records.ENVIRONMENTS:
            synthesize(app.main, {"environment": name}, Path(folder) / name)
            made[name] = _template(Path(folder) / name)
        synthesize(toolchain.main, {}, Path(folder) / "toolchain")
        pipeline = _template(Path(folder) / "toolchain")
    lists = {name: stateful(template) for name, template in made.items()}
    Path(__file__).with_name("stateful.json").write_text(json.dumps(lists, indent=2) + "\n")
    (ROOT / "docs" / "dashboard.svg").write_text(dashboard.picture(made["production"]))
    (ROOT / "docs" / "pipeline.svg").write_text(stages.picture(pipeline))


def _template(folder: Path) -> dict[str, Any]:
    [path] = folder.glob("*.template.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


if __name__ == "__main__":
    main()
