"""Write the table of work: ``python -m pocketmatte.cost_model.table_file``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from export.artifact import write_text
from pocketmatte.cost_model.counting import works_of
from pocketmatte.cost_model.work import FIELDS, Works
from pocketmatte.cost_model.work_table import FILE_NAME, name_of
from tiers.ladder import LADDERS


def counted() -> dict[str, Works]:
    """Count every program of every tier, by ``work_table.name_of``: minutes."""
    made: dict[str, Works] = {}
    for network, rows in LADDERS.items():
        for tier, spec in rows.items():
            for program, works in works_of(spec).items():
                made[name_of(network, tier, program)] = works
        sys.stderr.write(f"{network}\n")
    return made


def table_text(works: Mapping[str, Works]) -> str:
    """Return a table as its file holds it, a line for each program."""
    lines = []
    for name in sorted(works):
        kinds = {kind: list(work.row()) for kind, work in sorted(works[name].items())}
        lines.append(f"{json.dumps(name)}: {json.dumps(kinds, separators=(',', ':'))}")
    rows = ",\n".join(lines)
    return (
        f'{{"schema_version": 1, "fields": {json.dumps(list(FIELDS))}, "rows": {{\n{rows}\n}}}}\n'
    )


if __name__ == "__main__":
    write_text(Path(__file__).with_name(FILE_NAME), table_text(counted()))
