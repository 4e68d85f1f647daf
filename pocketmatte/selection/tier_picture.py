"""The table of tiers as a picture: SVG, so that no drawing library is needed."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from pocketmatte.selection.tier_table import Row
from tiers.ladder import LADDERS

_SIDE, _LINE, _LEFT, _TOP, _GAP = 74, 20, 118, 60, 30  # pixels
_NOTHING = "#eeeeee"
# From pale to dark with the tier; text turns white where the ground is dark.
_PALE, _DARK, _WHITE_FROM = (222, 235, 247), (8, 69, 148), 7


def picture(rows: Sequence[Row], what: str) -> str:
    """Return an SVG document: a square for each class and network, side by side by budget.

    Args:
        rows: Of one table.
        what: Its basis, below the title.
    """
    networks = list(dict.fromkeys(name for row in rows for name in row.taken))
    budgets = list(dict.fromkeys(row.frames_per_second for row in rows))
    groups = list(dict.fromkeys((row.platform, row.device_class) for row in rows))
    panel = len(networks) * _SIDE + _GAP
    width, height = _LEFT + len(budgets) * panel, _TOP + len(groups) * _LINE + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(8, height - 10, what, "#555555"),
    ]
    for place, (platform, device_class) in enumerate(groups):
        parts.append(_text(8, _TOP + place * _LINE + 14, f"{platform} {device_class}"))
    for number, budget in enumerate(budgets):
        left = _LEFT + number * panel
        parts.append(_text(left, 18, f"{budget:g} frames a second", size=13))
        for column, network in enumerate(networks):
            parts.append(_text(left + column * _SIDE + 2, _TOP - 8, network))
        for row in rows:
            if row.frames_per_second == budget:
                top = _TOP + groups.index((row.platform, row.device_class)) * _LINE
                parts += _squares(row, networks, left, top)
    return "\n".join((*parts, "</svg>", ""))


def _squares(row: Row, networks: Sequence[str], left: int, top: int) -> list[str]:
    parts: list[str] = []
    for column, network in enumerate(networks):
        taken, x = row.taken.get(network), left + column * _SIDE
        rank = list(LADDERS[network]).index(taken.tier) if taken else None
        ground = _NOTHING if rank is None else _shade(rank / (len(LADDERS[network]) - 1))
        parts.append(
            f'<rect x="{x}" y="{top}" width="{_SIDE - 2}" height="{_LINE - 2}" fill="{ground}"/>'
        )
        said = "nothing" if taken is None else f"{taken.tier} {taken.recipe}"
        white = rank is not None and rank >= _WHITE_FROM
        parts.append(_text(x + 4, top + 13, said, "#ffffff" if white else "#222222"))
    return parts


def _shade(share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_PALE, _DARK, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)


def _text(x: float, y: float, text: str, colour: str = "#222222", size: int = 11) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" font-size="{size}">{escape(text)}</text>'
