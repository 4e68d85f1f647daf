"""Instructions of a frame on an emulated processor: a cost that repeats exactly, and its budget.

It is no latency. It tells, on any machine and without noise, whether a file or a runtime came to do
more than it did.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from export.artifact import write_text
from tiers.errors import BundleError

# Between runs of one thread nothing differs; between builds of the same sources some hundred
# instructions of a hundred million did.
SHARE = 1e-3


class Counts(BaseModel):
    """Counts of one set of libraries.

    Attributes:
        processor: Emulated.
        libraries: Hash of the runner's libraries: those of another version or another C library
            run other instructions.
        frames: Instructions by ``network/tier/recipe``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    processor: str
    libraries: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    frames: dict[str, Annotated[int, Field(ge=1)]]


def libraries_digest(folder: Path) -> str:
    """Return the hash of the libraries of a built runner."""
    total = hashlib.sha256()
    for path in sorted((folder / "lib").iterdir()):
        total.update(f"{path.name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def over_budget(found: Mapping[str, int], kept: Mapping[str, int]) -> list[str]:
    """Return a line for each count that is above its budget or has none.

    Args:
        found: Instructions now.
        kept: As they were.
    """
    lines = []
    for name, count in found.items():
        if name not in kept:
            lines.append(f"{name} takes {count} instructions and has no budget; write one")
        elif count > kept[name] * (1 + SHARE):
            more = (count / kept[name] - 1) * 100
            limit = f"the budget is {kept[name]} and {SHARE * 100:.1f} %"
            lines.append(f"{name} takes {count} instructions, {more:.2f} % more; {limit}")
    return lines


def read_counts_file(path: Path) -> Counts:
    """Read the budget.

    Raises:
        BundleError: If there is none or it is damaged.
    """
    try:
        return Counts.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, pydantic.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"{path} cannot be read ({reason}); write it again"
        raise BundleError(msg) from error


def write_counts_file(path: Path, counts: Counts) -> None:
    """Write the budget whole or not at all.

    Raises:
        BundleError: If the disk refuses.
    """
    write_text(path, json.dumps(counts.model_dump(), indent=1, sort_keys=True) + "\n")
