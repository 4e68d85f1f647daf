"""The file of times that the cost model is fitted to: what was timed, on what, and its work."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.artifact import write_text
from pocketmatte.cost_model.work import FIELDS, Works
from pocketmatte.host import host_facts
from tiers.errors import BundleError

COLUMNS = (
    "network", "tier", "program", "format", "recipe", "threads", "sha256", "samples", "min_ms",
    "shares",
)  # fmt: skip


@dataclasses.dataclass(kw_only=True, slots=True)
class Times:
    """What such a file holds.

    Attributes:
        peaks: What one thread of the machine reaches at best.
        rows: By sha256 and threads, each with the fields of ``COLUMNS``.
        works: Of the programs as they were when they were timed, by ``work_table.name_of``.
    """

    peaks: Mapping[str, float]
    rows: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    works: dict[str, Mapping[str, list[int]]] = dataclasses.field(default_factory=dict)

    def note_works(self, name: str, works: Works) -> None:
        """Keep the work of a program."""
        self.works[name] = {kind: list(work.row()) for kind, work in sorted(works.items())}


def read_times(path: Path) -> Times | None:
    """Read a file of times of this machine; ``None`` where there is none yet.

    Raises:
        BundleError: If it is of another machine, or of other libraries.
    """
    if not path.exists():
        return None
    held = json.loads(path.read_text("utf-8"))
    if held["host"] != _host():
        msg = f"{path} holds times of another machine or of other libraries; give another file"
        raise BundleError(msg)
    rows = [dict(zip(held["columns"], row, strict=True)) for row in held["rows"]]
    return Times(
        peaks=held["peaks"], rows={f"{row['sha256']} {row['threads']}": row for row in rows},
        works=held["works"]["rows"],
    )  # fmt: skip


def write_times(path: Path, times: Times) -> None:
    """Write one whole, a line for each file and program."""
    rows = sorted(times.rows.values(), key=lambda row: [row[name] for name in COLUMNS[:-2]])
    lines = ",\n".join(json.dumps([row[name] for name in COLUMNS]) for row in rows)
    works = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(times.works[name], separators=(',', ':'))}"
        for name in sorted(times.works)
    )
    write_text(
        path,
        f'{{"host": {json.dumps(_host())},\n"peaks": {json.dumps(times.peaks)},\n'
        f'"columns": {json.dumps(COLUMNS)},\n"rows": [\n{lines}\n],\n'
        f'"works": {{"schema_version": 1, "fields": {json.dumps(FIELDS)}, "rows": {{\n{works}\n}}}}'
        "}\n",
    )


def _host() -> dict[str, str | int]:
    """Return processor and libraries; the operating system's own name tells nothing of a time."""
    return {name: fact for name, fact in host_facts().items() if name != "os"}
