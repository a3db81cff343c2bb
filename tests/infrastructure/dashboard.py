"""Draws the dashboard of a template: docs/dashboard.svg."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

# A dashboard is 24 units wide.
_UNIT_WIDTH: Final = 40
_UNIT_HEIGHT: Final = 22
_COLUMNS: Final = 24
_FILLS: Final = {"alarm": "#fdecea", "metric": "#eef4fb", "text": "#f4f4f4"}


def picture(template: Mapping[str, Any]) -> str:
    """Return an SVG of the template's one dashboard."""
    [dashboard] = (
        resource["Properties"]["DashboardBody"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    )
    widgets = json.loads(_resolved(dashboard))["widgets"]
    height = max(widget["y"] + widget["height"] for widget in widgets) * _UNIT_HEIGHT
    width = _COLUMNS * _UNIT_WIDTH
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        *(line for widget in widgets for line in _drawn(widget)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(widget: dict[str, Any]) -> Iterator[str]:
    x, y = widget["x"] * _UNIT_WIDTH + 3, widget["y"] * _UNIT_HEIGHT + 3
    width, height = widget["width"] * _UNIT_WIDTH - 6, widget["height"] * _UNIT_HEIGHT - 6
    properties = widget["properties"]
    fill = _FILLS[widget["type"]]
    yield (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="#888"/>')
    title = properties.get("title") or re.sub(r"\[(.+?)\]\(.+?\)", r"\1", properties["markdown"])
    top = y + min(19, height - 4)
    yield f'<text x="{x + 8}" y="{top}" font-weight="bold">{escape(title)}</text>'
    # As many labels as fit.
    for number, label in enumerate(_labels(properties)):
        baseline = top + 17 * (number + 1)
        if baseline < y + height - 4:
            yield f'<text x="{x + 8}" y="{baseline}" fill="#444">{escape(label)}</text>'


def _labels(properties: dict[str, Any]) -> Iterator[str]:
    for metric in properties.get("metrics", []):
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        if options.get("visible") is not False:
            yield options.get("label") or _described(metric, options)


def _described(metric: list[Any], options: dict[str, Any]) -> str:
    """Return a metric's name, its operation or index, and its statistic."""
    _, name, *pairs = [part for part in metric if isinstance(part, str)]
    dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
    of = dimensions.get("Operation") or dimensions.get("GlobalSecondaryIndexName")
    return " ".join(filter(None, [name, of and f"({of})", options.get("stat", "")]))


def _resolved(value: Any) -> str:
    """Replace what is unknown before deployment by logical ids."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    if function == "Fn::Join":
        return str(argument[0].join(map(_resolved, argument[1])))
    return str(argument if isinstance(argument, str) else argument[0])
