"""Measurements of a bundle, kept beside its manifest: ``results/parity.json``, ``latency.json``.

The manifest itself holds nothing that differs from run to run; see ``docs/decisions``. Each result
names the sha256 of the file it is of, so that one of an older file is never taken for the present.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.artifact import inside, write_text

FOLDER = "results"


def write_results(root: Path, name: str, content: Mapping[str, Any]) -> Path:
    """Write ``results/<name>.json`` whole or not at all and return its path.

    Raises:
        BundleError: If the disk refuses it, or a link leads out of the bundle.
    """
    path = inside(root, f"{FOLDER}/{name}.json")
    write_text(path, json.dumps(plain(content), indent=1, sort_keys=True, allow_nan=False) + "\n")
    return path


def plain(value: Any) -> Any:
    """Return ``value`` with dataclasses as dicts and infinities as ``None``, ready for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
