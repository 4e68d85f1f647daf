"""Whether a file of a bundle is the one that was built, and what the manifest says of it true."""

from pathlib import Path

from export.artifact import inside, sha256_of, size_bytes_of
from export.manifest import Artifact, Frame, contract_tensors
from export.recipe import recipe as recipe_of
from pocketmatte.request import artifact_path
from tiers.contract_table import contracts
from tiers.errors import BundleError, UsageError
from tiers.ladder import tier as tier_of
from tiers.spec import TierSpec


def fault(root: Path, entry: Artifact) -> str | None:
    """Return what is wrong with an artifact, in one line, or ``None``.

    Its names must be of this version, its contract that of its tier, and the bytes on disk those
    of the manifest. What the file computes is not looked at.

    Args:
        root: The bundle.
        entry: Of its manifest.
    """
    path = inside(root, entry.path)
    if not path.exists():
        return f"missing from {root}; build it again"
    try:
        found, size_bytes = sha256_of(path), size_bytes_of(path)
        untrue = _untrue(entry)
    except (BundleError, UsageError) as error:
        return str(error)
    if found != entry.sha256:
        return (
            f"its sha256 is {found[:12]}..., the manifest says {entry.sha256[:12]}...: "
            "it changed since it was built; build it again"
        )
    if size_bytes != entry.size_bytes:
        untrue = "size_bytes"
    if untrue:
        return f"what the manifest says as {untrue} is not so; build it again"
    return None


def frame_of(spec: TierSpec) -> Frame:
    """Return how a camera frame becomes the tier's input, as the manifest writes it."""
    return Frame(
        output_hw=list(spec.output_hw),
        working_hw=list(spec.working_hw),
        orientation=spec.orientation,
        colour_order="RGB",
        low=0.0,
        high=1.0,
    )


def _untrue(entry: Artifact) -> str | None:
    """Return the first field that does not follow from network, tier, program and recipe.

    Raises:
        UsageError: If one of these, or the format, is unknown.
    """
    spec = tier_of(entry.network, entry.tier).oriented(entry.frame.orientation)
    contract = next((c for c in contracts(spec) if c.name == entry.program), None)
    if contract is None:
        return "program"
    inputs, outputs, states = contract_tensors(contract, recipe_of(entry.recipe).dtype)
    follows = {
        "path": artifact_path(spec, entry.program, entry.recipe, entry.format),
        "inputs": inputs,
        "outputs": outputs,
        "states": states,
        "frame": frame_of(spec),
    }
    return next((name for name in follows if getattr(entry, name) != follows[name]), None)
