"""Write the page: one HTML file that needs nothing beside it."""

import base64
import dataclasses
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from export.artifact import write_text
from export.recipe import RECIPES
from pocketmatte.report import words
from pocketmatte.report.cells import Cell, Row, state_at
from pocketmatte.report.charts import fidelity_pictures, marker, truth_pictures
from pocketmatte.report.compare import FIDELITY_DB, LATENCY_SHARE, SIZE_SHARE
from pocketmatte.report.drift_charts import drift_curves, drift_lanes
from pocketmatte.report.gather import Report
from pocketmatte.report.states import STATES
from pocketmatte.report.thumbnails import within
from pocketmatte.tolerances import DRIFT_FRAMES, LIMITS

MOST_BYTES = 8_000_000  # of the page: what a mail or a browser tab takes without complaint

# What a file must not make invisible or turn round: controls, marks of writing direction, and
# halves of a character that cannot be written.
_HIDDEN = {
    code: "\N{REPLACEMENT CHARACTER}"
    for first, last in (
        (0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F), (0x2028, 0x202E),
        (0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What was written.

    Attributes:
        path: The page.
        size_bytes: Its size.
        pictures: Tiers that are pictured.
        left_out: Tiers whose pictures would have made it too large.
        pictureless: Why other tiers have no picture, by their name.
    """

    path: Path
    size_bytes: int
    pictures: int
    left_out: int
    pictureless: Mapping[str, str]


def write_page(path: Path, report: Report, most_bytes: int = MOST_BYTES) -> Written:
    """Write a page whole or not at all.

    Args:
        path: The HTML file.
        report: What it shows.
        most_bytes: Thumbnails are left out, from the last tier on, where it would be larger.

    Raises:
        BundleError: If the disk refuses it.
    """
    room = most_bytes - len(rendered(dataclasses.replace(report, thumbnails={})).encode())
    # a tier's caption and tags, beside its pictures
    room -= 600 * len(report.thumbnails)
    kept, left_out = within(report.thumbnails, max(0, room))
    text = rendered(dataclasses.replace(report, thumbnails=kept), left_out)
    write_text(path, text)
    without = {f"{place[0]} {place[1]}": each.fault for place, each in kept.items() if each.fault}
    return Written(
        path=path,
        size_bytes=len(text.encode()),
        pictures=len(kept) - len(without),
        left_out=left_out,
        pictureless=without,
    )


def rendered(report: Report, left_out: int = 0) -> str:
    """Return the page's text; the same report gives the same text.

    Args:
        report: What it shows.
        left_out: Tiers whose pictures do not fit.
    """
    style, script = _part("style.css"), _part("script.js")
    networks = []
    for name in dict.fromkeys(row.network for row in report.rows):
        rows = [row for row in report.rows if row.network == name]
        metrics = sorted({metric for row in rows for metric in _truths(row)}, key=_metric_order)
        networks.append(
            {
                "name": name,
                "rows": rows,
                "fidelity": fidelity_pictures(rows, report.columns),
                "truth": truth_pictures(rows, report.columns, metrics[0]) if metrics else [],
                "metrics": metrics,
                "clips": report.evaluated.get(name, ()),
                "curves": drift_curves(rows, report.columns),
                "lanes": drift_lanes(rows, report.columns),
                "pictures": [
                    (row, report.thumbnails[row.place])
                    for row in rows
                    if row.place in report.thumbnails
                ],
            }
        )
    template = _environment().get_template("page.html")
    return template.render(
        report=report,
        networks=networks,
        failures=_failures(report),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        states=STATES,
        recipes=RECIPES,
        limits=LIMITS,
        drift_frames=DRIFT_FRAMES,
        formats=list(dict.fromkeys(form for form, _ in report.columns)),
        recipe_names=list(dict.fromkeys(recipe for _, recipe in report.columns)),
        told=(FIDELITY_DB, SIZE_SHARE, LATENCY_SHARE),
        left_out=left_out,
        state_at=state_at,
        marker=marker,
        words=words,
    )


def _failures(report: Report) -> list[tuple[Row, str, list[Cell]]]:
    """Return the cells that failed, those of a tier and recipe together."""
    found = []
    for row in report.rows:
        for recipe in dict.fromkeys(recipe for _, recipe in report.columns):
            cells = [
                row.cells[column]
                for column in report.columns
                if column[1] == recipe
                and column in row.cells
                and row.cells[column].status == "failed"
            ]
            if cells:
                found.append((row, recipe, cells))
    return found


def _truths(row: Row) -> set[str]:
    """Return the metrics that the page shows of what was evaluated of a tier."""
    found = set(row.torch_truth).union(*(cell.truth for cell in row.cells.values()))
    return found & set(words.MEASURES)


def _metric_order(metric: str) -> int:
    return list(words.MEASURES).index(metric)


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """Return text without characters that a reader does not see; it is escaped after this."""
    if isinstance(value, Markup):
        return Markup(str(value).translate(_HIDDEN))
    return value.translate(_HIDDEN) if isinstance(value, str) else value


def _part(name: str) -> str:
    return (resources.files("pocketmatte.report") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
