"""How errors go on over frames: whole curves where they were kept, else the end over the start."""

from collections.abc import Sequence

from markupsafe import Markup

from pocketmatte.report.axis import around, label
from pocketmatte.report.cells import Cell, Column, Row
from pocketmatte.report.charts import marker
from pocketmatte.report.words import small
from pocketmatte.tolerances import LIMITS

_WIDTH, _LEFT, _RIGHT = 400, 58, 14
_CURVES_HEIGHT, _TOP, _BOTTOM = 220, 14, 36
_LANE, _LANES_TOP = 34, 20  # of one recipe
_LEAST_END = 1.6  # of the axis of ratios, so that the limit is seen
_MOST_END = 4.0
_LEAST_RMS = 1e-9  # what is drawn of an error of 0 on a logarithmic axis


def drift_curves(rows: Sequence[Row], columns: Sequence[Column]) -> Markup | None:
    """Draw the RMS error of every frame, a line for each tier in a format and recipe.

    Args:
        rows: Of one network.
        columns: Formats and recipes of the bundle; their places choose line and colour.

    Returns:
        The picture, or ``None`` where no errors of frames were kept.
    """
    kept = [
        (row, column, frames)
        for row in rows
        for column, cell in row.cells.items()
        if len(frames := _frame_rms(cell)) > 1
    ]
    if not kept:
        return None
    every = [max(value, _LEAST_RMS) for *_, frames in kept for value in frames]
    last = max(len(frames) for *_, frames in kept)
    xs = around([1.0, float(last)], _LEFT, _WIDTH - _RIGHT)
    ys = around(every, _CURVES_HEIGHT - _BOTTOM, _TOP, logarithmic=True)
    parts = [
        _grid(f"M{_LEFT},{ys.at(value):.1f}H{_WIDTH - _RIGHT}", _LEFT - 6, ys.at(value) + 4, "y",
              label(value))
        for value in ys.ticks()
    ]  # fmt: skip
    bottom = _CURVES_HEIGHT - _BOTTOM
    parts += [
        _grid(f"M{xs.at(value):.1f},{_TOP}V{bottom}", xs.at(value), bottom + 15, "x", label(value))
        for value in xs.ticks()
        if value >= 1
    ]
    parts += [
        Markup('<g class="series curve {}"><title>{}</title><polyline points="{}"/></g>').format(
            _styles(column, columns),
            f"{row.name} {column[0]} {column[1]}: "
            f"{small(frames[0])} first, {small(frames[-1])} last",
            " ".join(
                f"{xs.at(number):.1f},{ys.at(max(value, _LEAST_RMS)):.1f}"
                for number, value in enumerate(frames, start=1)
            ),
        )
        for row, column, frames in kept
    ]
    return _picture("RMS error of every frame", "frame", _CURVES_HEIGHT, parts)


def drift_lanes(rows: Sequence[Row], columns: Sequence[Column]) -> Markup | None:
    """Draw the error in the second lap over that in the first, a lane for each recipe.

    Args:
        rows: Of one network.
        columns: See ``drift_curves``.

    Returns:
        The picture, or ``None`` where drift was not judged or there is none.
    """
    found = [
        (row, column, cell.drift)
        for row in rows
        for column, cell in row.cells.items()
        if cell.drift is not None
    ]
    if not found:
        return None
    recipes = list(dict.fromkeys(recipe for _, recipe in columns))
    shown = [recipe for recipe in recipes if any(column[1] == recipe for _, column, _ in found)]
    end = min(max(_LEAST_END, *(drift for *_, drift in found)), _MOST_END)
    xs = around([0.0, end], _LEFT, _WIDTH - _RIGHT)
    height = _LANES_TOP + _LANE * len(shown) + _BOTTOM
    bottom = height - _BOTTOM
    parts = [
        _grid(f"M{xs.at(value):.1f},{_LANES_TOP - 8}V{bottom}", xs.at(value), bottom + 15, "x",
              label(value))
        for value in xs.ticks()
        if value >= 0
    ]  # fmt: skip
    most = max(each.drift_ratio for each in LIMITS.values())
    parts.append(
        Markup(
            '<path class="limit" d="M{0:.1f},{1}V{2}"/>'
            '<text class="tick x" x="{0:.1f}" y="{3}">limit</text>'
        ).format(xs.at(most), _LANES_TOP - 6, bottom, _LANES_TOP - 9)
    )
    tiers = [row.name for row in rows]
    for number, recipe in enumerate(shown):
        middle = _LANES_TOP + _LANE * (number + 0.5)
        parts.append(
            Markup('<text class="tick y" x="{}" y="{:.1f}">{}</text>').format(
                _LEFT - 6, middle + 4, recipe
            )
        )
        for row, column, drift in found:
            if column[1] != recipe:
                continue
            # tiers one under another, so that equal ratios do not hide each other
            share = (tiers.index(row.name) + 0.5) / len(tiers) - 0.5
            beyond = " (beyond the axis)" if drift > end else ""
            parts.append(
                Markup('<g class="series point {} {}"><title>{}</title>{}</g>').format(
                    "failed" if drift > most else "best",
                    _styles(column, columns),
                    f"{row.name} {column[0]} {column[1]}: {drift:.2f}{beyond}",
                    marker(recipes.index(recipe), xs.at(drift), middle + share * (_LANE - 12)),
                )
            )
    return _picture("Drift", "error in the second lap / error in the first", height, parts)


def _frame_rms(cell: Cell) -> tuple[float, ...]:
    return (cell.parity.frame_rms or ()) if cell.parity else ()


def _styles(column: Column, columns: Sequence[Column]) -> str:
    formats = list(dict.fromkeys(form for form, _ in columns))
    recipes = list(dict.fromkeys(recipe for _, recipe in columns))
    return f"f{formats.index(column[0])} r{recipes.index(column[1])}"


def _grid(path: str, x: float, y: float, side: str, text: str) -> Markup:
    return Markup(
        '<path class="grid" d="{}"/><text class="tick {}" x="{:.1f}" y="{:.1f}">{}</text>'
    ).format(path, side, x, y, text)


def _picture(title: str, axis: str, height: int, parts: list[Markup]) -> Markup:
    name = Markup('<text class="name x" x="{}" y="{}">{}</text>').format(
        (_LEFT + _WIDTH - _RIGHT) / 2, height - 4, axis
    )
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>'
    ).format(_WIDTH, height, title, Markup("").join(parts), name)
