"""The report on eight bits as a picture: SVG, so that no drawing library is needed."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from pocketmatte.quantise_report import SMALLER, Row

_LINE, _LEFT, _WIDTH, _BAR = 22, 330, 260, 12  # pixels
_MOST = 4.0  # times smaller or faster that fill a bar
_SMALL, _FAST, _FAILED = "#3b6ea5", "#d08a2e", "#b03a3a"


def picture(rows: Sequence[Row]) -> str:
    """Return an SVG document: a line for each row, with bars of how much smaller and faster."""
    height = _LINE * (len(rows) + 2) + 10
    width = _LEFT + 2 * _WIDTH + 190
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(_LEFT, 16, "times smaller than fp32"),
        _text(_LEFT + _WIDTH + 20, 16, "times faster than fp32"),
        _text(_LEFT + 2 * _WIDTH + 40, 16, "MAD to fp32, layers kept"),
    ]
    for index, row in enumerate(rows):
        top = _LINE * (index + 1) + 8
        colour = _FAILED if row.status == "failed" else "#222"
        name = f"{row.network} {row.tier} {row.format} {row.recipe}"
        parts.append(_text(8, top + 11, name, colour))
        for left, value, fill in (
            (_LEFT, row.smaller, _SMALL),
            (_LEFT + _WIDTH + 20, row.faster, _FAST),
        ):
            if value is None:
                parts.append(_text(left, top + 11, "not measured", "#888"))
                continue
            wide = _WIDTH * 0.8 * min(value, _MOST) / _MOST
            parts.append(
                f'<rect x="{left}" y="{top}" width="{wide:.1f}" height="{_BAR}" fill="{fill}"/>'
            )
            parts.append(_text(left + wide + 5, top + 11, f"{value:.2f}"))
        told = "not verified" if row.mad is None else f"{row.mad:.1e}"
        parts.append(
            _text(_LEFT + 2 * _WIDTH + 40, top + 11, f"{told}, {row.kept} of {row.layers}", colour)
        )
    edge = _LEFT + _WIDTH * 0.8 * SMALLER / _MOST
    parts.append(
        f'<line x1="{edge:.1f}" x2="{edge:.1f}" y1="22" y2="{height - 8}" stroke="#888" '
        'stroke-dasharray="3 3"/>'
    )
    return "\n".join((*parts, "</svg>", ""))


def _text(x: float, y: float, text: str, colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="{colour}">{escape(text)}</text>'
