"""The device table as TOML decodes it: ``python -m pocketmatte.selection.table_copy`` keeps it.

``devices.toml`` is the table. Decoding it would add to the time of every choice, so
``devices.json`` holds it decoded, with the digest of the TOML that it was made of. Beside any
other TOML it counts for nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.artifact import write_text

TABLE = Path(__file__).parents[1] / "devices.toml"
COPY = TABLE.with_suffix(".json")


def copied(toml_sha256: str) -> Mapping[str, object] | None:
    """Return what the TOML of a digest decodes to; ``None`` where there is no copy of it."""
    try:
        found = json.loads(COPY.read_bytes())
        return dict(found["table"]) if found["toml_sha256"] == toml_sha256 else None
    except (OSError, ValueError, LookupError, TypeError):  # missing or damaged: no copy
        return None


def copy_text(data: bytes) -> str:
    """Return the copy of a table as its file holds it, a line for each row.

    Args:
        data: TOML.
    """
    import tomllib  # who reads the copy does without it

    lines = []
    for name, rows in tomllib.loads(data.decode("utf-8")).items():
        lines.append(f"{json.dumps(name)}: {_rows(rows)}")
    table = ",\n".join(lines)
    return f'{{"toml_sha256": "{hashlib.sha256(data).hexdigest()}", "table": {{\n{table}\n}}}}\n'


def _rows(rows: Any) -> str:
    if isinstance(rows, dict):
        return "{\n" + ",\n".join(f"{_row(key)}:{_row(row)}" for key, row in rows.items()) + "\n}"
    if isinstance(rows, list):
        return "[\n" + ",\n".join(map(_row, rows)) + "\n]"
    return _row(rows)


def _row(row: Any) -> str:
    return json.dumps(row, separators=(",", ":"), allow_nan=False)


def main() -> None:
    """Write the copy."""
    write_text(COPY, copy_text(TABLE.read_bytes()))


if __name__ == "__main__":
    main()
