"""The instructions as bars: docs/benchmarks.svg."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

type Rows = Sequence[tuple[str, Mapping[str, float]]]

_LEFT: Final = 380  # where bars begin; titles are left of it
_WIDTH: Final = 560
_BAR: Final = 15
_ROW: Final = 22
_HEAD: Final = 34
_FILLS: Final = {"init": "#4878a8", "first": "#9cc0e0", "get": "#5a9a68", "create": "#a8cfa0"}
_PANELS: Final = (
    ("Cold start: init and first request, millions of instructions", ("init", "first"), 0),
    ("Warm get, millions of instructions", ("get",), 2),
    ("Warm create, millions of instructions", ("create",), 2),
)


def picture(rows: Rows) -> str:
    """SVG: for each panel one bar for each row, its phases one after the other."""
    height = len(_PANELS) * (_HEAD + len(rows) * _ROW) + 10
    width = _LEFT + _WIDTH + 90
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    top = 0
    for title, phases, digits in _PANELS:
        lines += _panel(title, phases, digits, rows, top)
        top += _HEAD + len(rows) * _ROW
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(title: str, phases: Sequence[str], digits: int, rows: Rows, top: int) -> Iterator[str]:
    yield f'<text x="10" y="{top + 24}" font-weight="bold">{escape(title)}</text>'
    most = max(sum(counts[phase] for phase in phases) for _, counts in rows)
    for number, (name, counts) in enumerate(rows):
        y = top + _HEAD + number * _ROW
        yield f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
        x = float(_LEFT)
        for phase in phases:
            width = counts[phase] / most * _WIDTH
            yield (
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" '
                f'fill="{_FILLS[phase]}"/>'
            )
            x += width
        figure = sum(counts[phase] for phase in phases) / 1e6
        yield f'<text x="{x + 6:.1f}" y="{y + 12}">{figure:,.{digits}f}</text>'
