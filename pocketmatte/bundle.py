"""What a bundle holds besides its programs: the weights they were made from."""

from pathlib import Path

from export.artifact import inside
from export.manifest import Artifact, Manifest, read_manifest
from export.manifest import Weights as WeightsEntry
from pocketmatte.seeded_weights import seeded_weights
from tiers.checkpoint import digest, read_safetensors, write_safetensors
from tiers.errors import BundleError, CheckpointError
from tiers.spec import TierSpec
from tiers.weights import Weights

_UNTRAINED = "untrained"


def read_bundle(root: Path) -> Manifest:
    """Return the manifest of a bundle that holds something.

    Raises:
        BundleError: If there is no manifest, or it is broken or empty.
    """
    manifest = read_manifest(root)
    if not manifest.artifacts:
        msg = f"{root} holds no artifact; run pocketmatte build first"
        raise BundleError(msg)
    return manifest


def is_untrained(weights: Weights) -> bool:
    """Say whether ``weights`` are seeded initial ones."""
    return weights.origin.startswith(_UNTRAINED)


def described(weights: Weights) -> WeightsEntry:
    """Return the manifest's entry of ``weights``.

    Untrained weights are made from a seed again when needed and take no file.
    """
    has_file = not is_untrained(weights)
    name = f"weights/{weights.network}-{weights.sha256[:12]}.safetensors"
    return WeightsEntry(
        path=name if has_file else None,
        network=weights.network,
        digest=weights.sha256,
        origin=weights.origin,
        licence=weights.licence,
    )


def place_weights(out: Path, weights: Weights) -> WeightsEntry:
    """Copy ``weights`` into the bundle, so that it can be verified without anything else.

    Raises:
        CheckpointError: If the disk refuses.
    """
    entry = described(weights)
    if entry.path is not None:
        path = inside(out, entry.path)
        if not _holds(path, weights):
            write_safetensors(path, weights.tensors, weights.metadata)
    return entry


def weights_entry(root: Path, manifest: Manifest, artifact: Artifact) -> WeightsEntry:
    """Return the manifest's entry of the weights an artifact was made from.

    Raises:
        BundleError: If it lists none such.
    """
    entry = next((w for w in manifest.weights if w.digest == artifact.weights_digest), None)
    if entry is None:
        msg = f"the manifest of {root} does not list its weights; build it again"
        raise BundleError(msg)
    return entry


def bundle_weights(root: Path, entry: WeightsEntry, spec: TierSpec) -> Weights:
    """Return the weights of a manifest entry.

    Raises:
        BundleError: If the file is missing or its numbers are not those of the manifest.
        CheckpointError: If the file is corrupt.
    """
    if entry.path is None:
        weights = seeded_weights(root, spec, entry.digest)
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


def _holds(path: Path, expected: Weights) -> bool:
    """Say whether a file holds these weights, whole, with what is known of them."""
    try:
        tensors, metadata = read_safetensors(path)
    except CheckpointError:
        return False
    return digest(tensors) == expected.sha256 and metadata == dict(expected.metadata)
