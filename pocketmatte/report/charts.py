"""Pareto pictures of a network: how good against how slow and how large, as inline SVG."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup

from pocketmatte.report.axis import Axis, around, label
from pocketmatte.report.cells import Cell, Column, Row
from pocketmatte.report.words import ERRORS, MEASURES, decibels, milliseconds, size

_WIDTH, _HEIGHT = 400, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 18, 38
_EQUAL_ABOVE_DB = 6.0  # where files lie that do not differ at all, above those that do
_TORCH: Column = ("torch", "")
_LEAST = 1e-6  # milliseconds or megabytes: less cannot be measured, and has no logarithm at 0
_LATENCY, _SIZE = "latency, ms", "size, MB"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One tier of one series.

    Attributes:
        tier: Its name.
        x: Milliseconds or megabytes, above 0.
        y: Decibels or a metric.
        failed: Whether its verdict is so.
        told: What hovering says.
        best: Whether no other is both nearer the left edge and better.
    """

    tier: str
    x: float
    y: float
    failed: bool
    told: str
    best: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        title: What it shows.
        svg: The picture; ``None`` where there is nothing to draw.
        missing: What to run then.
    """

    title: str
    svg: Markup | None
    missing: str = ""


def fidelity_pictures(rows: Sequence[Row], columns: Sequence[Column]) -> list[Picture]:
    """Draw the PSNR to PyTorch against latency and size.

    Args:
        rows: Of one network.
        columns: Formats and recipes of the bundle; their places choose line and marker.
    """
    finite = [
        cell.psnr_db for row in rows for cell in row.cells.values() if cell.psnr_db is not None
    ]
    top = max(finite, default=100.0) + _EQUAL_ABOVE_DB

    def decibels_of(cell: Cell) -> float | None:
        return top if cell.equal else cell.psnr_db

    missing = "run pocketmatte verify"
    return [
        _picture(
            f"Fidelity to PyTorch, dB, against {axis}", rows, columns, decibels_of, axis, missing
        )
        for axis in (_LATENCY, _SIZE)
    ]


def truth_pictures(rows: Sequence[Row], columns: Sequence[Column], metric: str) -> list[Picture]:
    """Draw what the network reaches on clips with truth against latency and size.

    Args:
        rows: Of one network.
        columns: See ``fidelity_pictures``.
        metric: Of the network's protocol.
    """
    name = MEASURES.get(metric, metric)
    better = "less is better" if metric in ERRORS else "more is better"
    missing = "give pocketmatte evaluate --json of more tiers or recipes"
    return [
        _picture(
            f"{name} on clips ({better}) against {axis}", rows, columns,
            lambda cell: cell.truth.get(metric), axis, missing, metric,
        )
        for axis in (_LATENCY, _SIZE)
    ]  # fmt: skip


def _picture(
    title: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    height_of: Callable[[Cell], float | None],
    axis: str,
    missing: str,
    metric: str | None = None,
) -> Picture:
    series = {column: _points(rows, column, height_of, axis) for column in columns}
    if metric is not None and axis == _LATENCY:
        series[_TORCH] = list(_torch_points(rows, metric))
    drawn = {column: points for column, points in series.items() if points}
    if not drawn:
        way_out = "run pocketmatte bench" if axis == _LATENCY else missing
        measured = any(height_of(cell) is not None for row in rows for cell in row.cells.values())
        return Picture(title=title, svg=None, missing=way_out if measured else missing)
    less = metric in ERRORS
    return Picture(title=title, svg=_drawn(title, drawn, columns, axis, less_is_better=less))


def _torch_points(rows: Sequence[Row], metric: str) -> Iterator[Point]:
    for row in rows:
        x, y = row.torch_p50_ms, row.torch_truth.get(metric)
        if x is not None and x >= _LEAST and y is not None:
            told = f"{row.name} PyTorch: {y:.4g}, {milliseconds(x)}"
            yield Point(tier=row.name, x=x, y=y, failed=False, told=told)


def _points(
    rows: Sequence[Row], column: Column, height_of: Callable[[Cell], float | None], axis: str
) -> list[Point]:
    points = []
    for row in rows:
        cell = row.cells.get(column)
        if cell is None:
            continue
        x = cell.p50_ms if axis == _LATENCY else cell.size_bytes / 1e6
        y = height_of(cell)
        if x is None or x < _LEAST or y is None:
            continue
        near = "equal to PyTorch" if cell.equal else decibels(cell.psnr_db)
        told = (
            f"{row.name} {column[0]} {column[1]}: {near}, {size(cell.size_bytes)}, "
            f"{milliseconds(cell.p50_ms)}, {cell.state.name}"
        )
        failed = cell.status == "failed"
        points.append(Point(tier=row.name, x=x, y=y, failed=failed, told=told))
    return points


def _drawn(
    title: str,
    series: dict[Column, list[Point]],
    columns: Sequence[Column],
    axis: str,
    *,
    less_is_better: bool,
) -> Markup:
    every = [point for points in series.values() for point in points]
    xs = around([p.x for p in every], _LEFT, _WIDTH - _RIGHT, logarithmic=True)
    ys = around([p.y for p in every], _HEIGHT - _BOTTOM, _TOP)
    formats = list(dict.fromkeys(form for form, _ in columns))
    recipes = list(dict.fromkeys(recipe for _, recipe in columns))
    parts, labels = [_frame(xs, ys, axis)], []
    for (form, recipe), points in series.items():
        own = form == _TORCH[0]
        line = "torch" if own else f"f{formats.index(form)}"
        mark = 0 if own else recipes.index(recipe)
        kind = "torch" if own else f"r{mark}"
        parts.append(Markup('<g class="series {} {}">').format(line, kind))
        path = " ".join(f"{xs.at(p.x):.1f},{ys.at(p.y):.1f}" for p in points)
        parts.append(Markup('<polyline points="{}"/>').format(path))
        for point in points:
            best = not any(_beats(other, point, less_is_better=less_is_better) for other in every)
            parts.append(_point(point, xs, ys, mark, best=best and not point.failed))
        if form == formats[0]:
            labels += [
                Markup('<text class="tier series {} {}" x="{:.1f}" y="{:.1f}">{}</text>').format(
                    line, kind, xs.at(p.x), ys.at(p.y) - 8, p.tier
                )
                for p in dict.fromkeys((points[0], points[-1]))
            ]
        parts.append(Markup("</g>"))
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, title, Markup("").join(parts + labels))


def _beats(other: Point, point: Point, *, less_is_better: bool) -> bool:
    higher = other.y <= point.y if less_is_better else other.y >= point.y
    return (
        not other.failed
        and other.x <= point.x
        and higher
        and (other.x, other.y) != (point.x, point.y)
    )


def _frame(xs: Axis, ys: Axis, axis: str) -> Markup:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        Markup(
            '<path class="grid" d="M{},{:.1f}H{}"/><text class="tick y" x="{}" y="{:.1f}">{}</text>'
        ).format(_LEFT, ys.at(value), right, _LEFT - 6, ys.at(value) + 4, label(value))
        for value in ys.ticks()
    ]
    parts += [
        Markup(
            '<path class="grid" d="M{:.1f},{}V{}"/><text class="tick x" x="{:.1f}" y="{}">{}</text>'
        ).format(xs.at(value), _TOP, bottom, xs.at(value), bottom + 15, label(value))
        for value in xs.ticks()
    ]
    parts.append(
        Markup('<text class="name x" x="{}" y="{}">{}</text>').format(
            (_LEFT + right) / 2, _HEIGHT - 6, axis
        )
    )
    return Markup("").join(parts)


def _point(point: Point, xs: Axis, ys: Axis, mark: int, *, best: bool) -> Markup:
    x, y = xs.at(point.x), ys.at(point.y)
    style = "failed" if point.failed else "best" if best else "beaten"
    cross = Markup("")
    if point.failed:
        cross = Markup('<path class="cross" d="M{:.1f},{:.1f}l8,8m0,-8l-8,8"/>').format(
            x - 4, y - 4
        )
    return Markup('<g class="point {}"><title>{}</title>{}{}</g>').format(
        style, point.told, marker(mark, x, y), cross
    )


def marker(number: int, x: float, y: float) -> Markup:
    """Return a marker whose shape tells series apart: circle, square, triangle, diamond."""
    shape = number % 4
    if shape == 0:
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y)
    if shape == 1:
        return Markup('<rect x="{:.1f}" y="{:.1f}" width="7" height="7"/>').format(x - 3.5, y - 3.5)
    if shape == 2:
        return Markup('<path d="M{:.1f},{:.1f}l4.5,8h-9z"/>').format(x, y - 5)
    return Markup('<path d="M{:.1f},{:.1f}l5,5l-5,5l-5,-5z"/>').format(x, y - 5)
