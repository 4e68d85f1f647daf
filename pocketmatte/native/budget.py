"""Instructions of a frame on an emulated processor: a cost that repeats exactly, and its budget.

It is no latency. It tells, on any machine and without noise, whether a file or a runtime came to do
more than it did.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from export.artifact import sha256_of, write_text
from export.model_file import read_model

# Between runs of one thread nothing differs; between builds of the same sources a few
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
    return sha256_of(folder / "lib")


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
    return read_model(path, Counts, "budget", "write it again")


def write_counts_file(path: Path, counts: Counts) -> None:
    """Write the budget whole or not at all.

    Raises:
        BundleError: If the disk refuses.
    """
    write_text(path, json.dumps(counts.model_dump(), indent=1, sort_keys=True) + "\n")
