"""Draws the pipeline of a template: docs/pipeline.svg."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_COLUMN: Final = 290
_GAP: Final = 14
_LINE: Final = 15
_TOP: Final = 44
_CHARACTERS: Final = 42
_COLUMNS: Final = 3
_FILLS: Final = {"CodeBuild": "#eef4fb", "CloudFormation": "#eefaf0", "Manual": "#fff6e6"}
_OTHER: Final = "#f4f4f4"
_PULL_REQUESTS: Final = "Pull requests"

# The name, the provider, and its commands.
type Action = tuple[str, str, list[str]]


def picture(template: Mapping[str, Any]) -> str:
    """Return an SVG of the template's one pipeline and of its build of pull requests."""
    columns = dict(_stages(template["Resources"]))
    rows = [list(columns.items())[i : i + _COLUMNS] for i in range(0, len(columns), _COLUMNS)]
    lines: list[str] = []
    top = 10
    for row in rows:
        height = max(_TOP + sum(_height(a) + 8 for a in actions) for _, actions in row)
        for number, (name, actions) in enumerate(row):
            left = 10 + number * (_COLUMN + _GAP)
            is_last = number == len(row) - 1 or name == _PULL_REQUESTS
            lines += _drawn(name, actions, left, top, height, has_arrow=not is_last)
        top += height + _GAP
    width = 20 + _COLUMNS * (_COLUMN + _GAP) - _GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" '
            'font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            *lines,
            "</svg>\n",
        ]
    )


def _stages(resources: Mapping[str, Any]) -> Iterator[tuple[str, list[Action]]]:
    """Yield the pipeline's stages in order, then the build of pull requests."""
    [pipeline] = (r for r in resources.values() if r["Type"] == "AWS::CodePipeline::Pipeline")
    for stage in pipeline["Properties"]["Stages"]:
        actions = sorted(stage["Actions"], key=lambda action: action["RunOrder"])
        yield stage["Name"], [_action(action, resources) for action in actions]
    [project] = (
        r["Properties"]
        for r in resources.values()
        if r["Type"] == "AWS::CodeBuild::Project" and "Triggers" in r["Properties"]
    )
    yield _PULL_REQUESTS, [("Build", "CodeBuild", _commands(project))]


def _action(action: Mapping[str, Any], resources: Mapping[str, Any]) -> Action:
    name = action["Name"].rpartition(".")[2].replace("_", " ")
    provider = action["ActionTypeId"]["Provider"]
    if provider == "CodeBuild":
        project = resources[action["Configuration"]["ProjectName"]["Ref"]]["Properties"]
        return name, provider, _commands(project)
    configuration = action["Configuration"]
    if provider == "CodeStarSourceConnection":
        return configuration["BranchName"], configuration["FullRepositoryId"], []
    detail = {"CloudFormation": "StackName", "Manual": "CustomData"}[provider]
    return name, provider, [configuration[detail]]


def _commands(project: Mapping[str, Any]) -> list[str]:
    phases = json.loads(project["Source"]["BuildSpec"])["phases"]
    # Leave out the digests of assets.
    return [
        command.partition(' "')[0] if "cdk-assets --path" in command else command
        for phase in phases.values()
        for command in phase["commands"]
    ]


def _wrapped(action: Action) -> list[str]:
    return [
        line
        for command in action[2]
        for line in textwrap.wrap(
            command, _CHARACTERS, subsequent_indent="   ", break_on_hyphens=False
        )
    ]


def _height(action: Action) -> int:
    return 26 + _LINE * len(_wrapped(action))


def _drawn(
    name: str, actions: list[Action], left: int, top: int, height: int, *, has_arrow: bool
) -> Iterator[str]:
    dashed = ' stroke-dasharray="5 4"' if name == _PULL_REQUESTS else ""
    yield (
        f'<rect x="{left}" y="{top}" width="{_COLUMN}" height="{height}" rx="8" fill="#fafafa" '
        f'stroke="#789"{dashed}/>'
    )
    yield (
        f'<text x="{left + 10}" y="{top + 24}" font-size="15" font-weight="bold">'
        f"{escape(name)}</text>"
    )
    if has_arrow:
        tip = left + _COLUMN + _GAP - 1
        yield f'<path d="M{tip - 12} {top + 13}l12 7-12 7z" fill="#789"/>'
    y = top + _TOP - 8
    for action in actions:
        title, provider, _ = action
        yield (
            f'<rect x="{left + 8}" y="{y}" width="{_COLUMN - 16}" height="{_height(action)}" '
            f'rx="4" fill="{_FILLS.get(provider, _OTHER)}" stroke="#aab"/>'
        )
        yield f'<text x="{left + 16}" y="{y + 17}">'
        yield f'<tspan font-weight="bold">{escape(title)}</tspan>'
        yield f'<tspan fill="#667" dx="8">{escape(provider)}</tspan></text>'
        for number, line in enumerate(_wrapped(action)):
            yield (
                f'<text x="{left + 16}" y="{y + 33 + _LINE * number}" fill="#334" font-size="10.5" '
                f'font-family="monospace" xml:space="preserve">{escape(line)}</text>'
            )
        y += _height(action) + 8
