"""What a bundle holds besides its programs: the weights they were made from."""

import shutil
from pathlib import Path

import safetensors.torch

from export.artifact import PARTIAL, inside
from export.manifest import Weights as WeightsEntry
from tiers.checkpoint import digest, read_safetensors
from tiers.errors import BundleError
from tiers.spec import TierSpec
from tiers.weights import Weights, untrained

_UNTRAINED = "untrained"


def place_weights(out: Path, weights: Weights) -> WeightsEntry:
    """Copy ``weights`` into the bundle, so that it can be verified without anything else.

    Untrained weights are made from a seed again when needed and take no file.

    Raises:
        BundleError: If the disk refuses.
    """
    if weights.origin.startswith(_UNTRAINED):
        relative = None
    else:
        relative = f"weights/{weights.network}-{weights.sha256[:12]}.safetensors"
        path = inside(out, relative)
        if not path.is_file():
            _copy(path, weights)
    return WeightsEntry(
        path=relative,
        network=weights.network,
        digest=weights.sha256,
        origin=weights.origin,
        licence=weights.licence,
    )


def bundle_weights(root: Path, entry: WeightsEntry, spec: TierSpec) -> Weights:
    """Return the weights of a manifest entry.

    Raises:
        BundleError: If the file is missing or its numbers are not those of the manifest.
        CheckpointError: If the file is corrupt.
    """
    if entry.path is None:
        weights = untrained(spec)
    else:
        path = inside(root, entry.path)
        if not path.is_file():
            msg = f"{entry.path} is missing from the bundle {root}; build it again"
            raise BundleError(msg)
        tensors, metadata = read_safetensors(path)
        weights = Weights(
            network=entry.network, tensors=tensors, metadata=metadata, sha256=digest(tensors)
        )
    if weights.sha256 != entry.digest:
        what = entry.path or "the seeded weights of this version"
        msg = f"{what}: digest {weights.sha256[:12]} is not {entry.digest[:12]}; build it again"
        raise BundleError(msg)
    return weights


def _copy(path: Path, weights: Weights) -> None:
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.contiguous() for key, value in weights.tensors.items()}
        safetensors.torch.save_file(tensors, partial, dict(weights.metadata))
        partial.replace(path)
    except OSError as error:
        free = shutil.disk_usage(path.parent).free if path.parent.is_dir() else 0
        msg = f"could not write {path} ({error}); {free} bytes are free, choose another folder"
        raise BundleError(msg) from error
    finally:
        partial.unlink(missing_ok=True)
