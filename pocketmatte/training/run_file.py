"""What a training run keeps of itself: one file, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from export.atomic import whole
from tiers.errors import CheckpointError

_FORMAT = "pocketmatte.run/1"


def write_run(path: Path, made_of: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a run.

    Args:
        path: The file; an older one is replaced.
        made_of: What a run that goes on has to be made of again.
        state: What it has reached: tensors, numbers, and dictionaries of them.

    Raises:
        BundleError: If the disk refuses it.
    """
    content = {"format": _FORMAT, **made_of, **state}
    # to a file, not to its path: so a full disk is an OSError
    with whole(path) as partial, partial.open("wb") as file:
        torch.save(content, file)


def read_run(path: Path, made_of: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Read a run to go on with; ``None`` where there is none.

    Raises:
        CheckpointError: If it is damaged, or made of something else.
    """
    if not path.is_file():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        msg = f"{path} cannot be read ({error}); take best.pt in its place, or begin anew"
        raise CheckpointError(" ".join(msg.split())) from error
    content: Mapping[str, Any] = saved if isinstance(saved, dict) else {}
    for key, value in {"format": _FORMAT, **made_of}.items():
        if content.get(key) != value:
            msg = (
                f"{path} is a run of {key} {content.get(key)!r}, not {value!r}; "
                "give another --out, or the same options"
            )
            raise CheckpointError(msg)
    return content
