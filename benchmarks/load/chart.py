"""Requests a second and memory over time, as lines: docs/load.svg."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from benchmarks.load.memory import PARTS, Sample

type Points = Sequence[tuple[float, float]]

_LEFT, _WIDTH, _RIGHT = 70, 820, 250
_PANEL, _HEAD, _FOOT = 150, 40, 30
_BIN_SECONDS: Final = 5.0
_MB: Final = 1_000_000
_FILLS: Final = ("#4878a8", "#5a9a68", "#c08040")


def picture(requests: Sequence[float], samples: Sequence[Sample], seconds: float) -> str:
    """SVG. Times are seconds since the beginning; requests: when each began."""
    samples = [sample for sample in samples if 0 <= sample.at <= seconds]
    panels: list[tuple[str, dict[str, Points]]] = [
        ("Requests a second", {"all calls": _rates(requests, seconds)}),
        (
            "Resident memory, MB",
            {
                "the emulator": [(s.at, s.cloud / _MB) for s in samples],
                "the function's workers together": [
                    (s.at, sum(s.workers.values()) / _MB) for s in samples
                ],
                "the largest worker": [
                    (s.at, max(s.workers.values(), default=0) / _MB) for s in samples
                ],
            },
        ),
    ]
    height = len(panels) * (_HEAD + _PANEL + _FOOT)
    width = _LEFT + _WIDTH + _RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (title, series) in enumerate(panels):
        lines += _panel(title, series, seconds, number * (_HEAD + _PANEL + _FOOT) + _HEAD)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _rates(requests: Sequence[float], seconds: float) -> Points:
    counts = Counter(int(at // _BIN_SECONDS) for at in requests)
    whole = int(seconds // _BIN_SECONDS)
    return [((n + 0.5) * _BIN_SECONDS, counts[n] / _BIN_SECONDS) for n in range(whole)]


def _panel(title: str, series: dict[str, Points], seconds: float, top: int) -> Iterator[str]:
    bottom = top + _PANEL
    most = max((y for points in series.values() for _, y in points), default=0) * 1.1 or 1
    yield f'<text x="10" y="{top - 14}" font-weight="bold">{escape(title)}</text>'
    for share in (0, 0.5, 1):
        y = bottom - share * _PANEL
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDTH}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * most:,.0f}</text>'
    for part in range(0, PARTS + 1, 2):
        x = _LEFT + part / PARTS * _WIDTH
        minutes = f"{part / PARTS * seconds / 60:.3g} min"
        yield f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{minutes}</text>'
    for (name, points), fill in zip(series.items(), _FILLS, strict=False):
        path = " ".join(
            f"{_LEFT + x / seconds * _WIDTH:.1f},{bottom - y / most * _PANEL:.1f}"
            for x, y in points
        )
        yield f'<polyline points="{path}" fill="none" stroke="{fill}" stroke-width="1.5"/>'
        end = bottom - points[-1][1] / most * _PANEL + 4 if points else bottom
        yield f'<text x="{_LEFT + _WIDTH + 8}" y="{end:.1f}" fill="{fill}">{escape(name)}</text>'
