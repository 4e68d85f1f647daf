"""Seeded weights on disk while a build is at work: made once, read by every job that needs them.

The network runs some times before its weights are what they are to be; of wide rows that takes
seconds, and a tier has up to a dozen jobs.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from export.atomic import remove
from tiers.checkpoint import digest, read_safetensors, write_safetensors
from tiers.errors import CheckpointError
from tiers.spec import TierSpec
from tiers.weights import Weights, untrained

FOLDER = ".seeds"  # of a bundle


@contextlib.contextmanager
def kept_seeds(root: Path) -> Iterator[None]:
    """Keep what ``seeded_weights`` makes for a bundle until the block ends; none is left then.

    Args:
        root: The bundle, in which nobody else builds.
    """
    folder = root / FOLDER
    remove(folder)  # of a build that was killed, or of anybody: its content is not looked at
    with contextlib.suppress(OSError):  # without it, weights are made again by every job
        folder.mkdir()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            remove(folder)


def seeded_weights(root: Path, spec: TierSpec, expected: str | None = None) -> Weights:
    """Return a row's seeded weights.

    Args:
        root: The bundle.
        spec: The row.
        expected: Their digest, if it is known: a file of that digest is read instead.
    """
    if expected is not None:
        path = _path(root, expected)
        with contextlib.suppress(CheckpointError):
            if path.is_file():
                tensors, metadata = read_safetensors(path)
                if digest(tensors) == expected:
                    return Weights(
                        network=spec.network, tensors=tensors, metadata=metadata, sha256=expected
                    )
    weights = untrained(spec)
    path = _path(root, weights.sha256)
    if path.parent.is_dir():
        with contextlib.suppress(CheckpointError):  # it saves time, no more
            write_safetensors(path, weights.tensors, weights.metadata)
    return weights


def _path(root: Path, of_digest: str) -> Path:
    return root / FOLDER / f"{of_digest}.safetensors"
