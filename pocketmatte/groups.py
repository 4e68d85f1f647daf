"""The files of one tier of a bundle, with the PyTorch programs they were made from."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from export.manifest import Artifact, Manifest
from export.targets import target
from pocketmatte.bundle import bundle_weights, weights_entry
from pocketmatte.eight_bit import EightBit
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run, Scene, Tensors
from pocketmatte.runtimes.arm64 import FOREIGN
from pocketmatte.runtimes.protocol import Runtime
from pocketmatte.runtimes.table import prover, runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from pocketmatte.tolerances import STATELESS_FRAMES
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import BundleError, RuntimeUnavailableError
from tiers.ladder import tier as tier_of
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import network_of


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The artifacts of one tier made from one set of weights, and what they are compared with.

    Attributes:
        spec: The tier, oriented.
        contracts: Of all programs of its network.
        reference: PyTorch eager, by program.
        artifacts: Of any program, format and recipe.
    """

    spec: TierSpec
    contracts: tuple[ProgramContract, ...]
    reference: Mapping[str, TorchSession]
    artifacts: tuple[Artifact, ...]

    @property
    def in_eight_bits(self) -> dict[str, EightBit]:
        """The reference of files whose pictures are 8-bit images."""
        return {each.name: EightBit(self.reference[each.name], each) for each in self.contracts}

    def contract(self, artifact: Artifact) -> ProgramContract:
        """Return the contract of one of the artifacts."""
        return next(each for each in self.contracts if each.name == artifact.program)

    def scene(self, frames: int) -> Iterator[Moment]:
        """Yield the standard scene, cut to a few frames for a network that carries no state."""
        recurrent = any(contract.states for contract in self.contracts)
        count = frames if recurrent else min(frames, STATELESS_FRAMES)
        return standard_scene(self.spec, count)

    def play(self, run: Run, scene: Scene) -> Iterator[Tensors]:
        """Play the network over a scene."""
        return ROLLOUTS[self.spec.network](self.spec, run, scene)


def groups(root: Path, manifest: Manifest, threads: int) -> Iterator[Group]:
    """Yield the bundle's artifacts by tier, with the PyTorch programs beside them."""
    for same in same_tier(manifest.artifacts):
        yield open_group(root, manifest, same, threads)


def open_group(
    root: Path, manifest: Manifest, artifacts: Sequence[Artifact], threads: int
) -> Group:
    """Build the PyTorch programs that ``artifacts``, found without fault, were exported from.

    Raises:
        BundleError: If the weights are missing.
        CheckpointError: If the weights are corrupt.
    """
    first = artifacts[0]
    spec = tier_of(first.network, first.tier).oriented(first.frame.orientation)
    entry = weights_entry(root, manifest, first)
    network = network_of(spec, bundle_weights(root, entry, spec))
    own = programs(network, spec)
    described = contracts(spec)
    return Group(
        spec=spec,
        contracts=described,
        reference={each.name: TorchSession(own[each.name], each, threads) for each in described},
        artifacts=tuple(artifacts),
    )


def runnable(artifact: Artifact) -> str | None:
    """Return why this machine cannot run the artifact, or ``None`` if it can."""
    return runtime_of(artifact).unavailable()


def runtime_of(artifact: Artifact) -> Runtime:
    """Return the runtime of the artifact's format."""
    return runtime(target(artifact.format).runtime)


def prover_of(artifact: Artifact, foreign: str | None = None) -> Runtime:
    """Return what tells here what the artifact computes; see ``runtimes.table.prover``.

    Args:
        artifact: Of a bundle.
        foreign: Key of ``runtimes.arm64.FOREIGN``, whose runtime it is then.
    """
    return prover(target(artifact.format)) if foreign is None else FOREIGN[foreign][artifact.format]


def run_by(manifest: Manifest, foreign: str) -> Manifest:
    """Return a manifest without what foreign runtimes do not run.

    Args:
        manifest: Of a bundle.
        foreign: Key of ``runtimes.arm64.FOREIGN``.

    Raises:
        BundleError: If nothing is left.
        RuntimeUnavailableError: If one of the runtimes is not there.
    """
    runtimes = FOREIGN[foreign]
    kept = [entry for entry in manifest.artifacts if entry.format in runtimes]
    if not kept:
        msg = f"the bundle holds no file of {', '.join(runtimes)}; build one for {foreign}"
        raise BundleError(msg)
    for form in sorted({entry.format for entry in kept}):
        if reason := runtimes[form].unavailable():
            raise RuntimeUnavailableError(reason)
    return manifest.model_copy(update={"artifacts": kept, "packages": [], "traces": []})


def same_tier(artifacts: Sequence[Artifact]) -> Iterator[list[Artifact]]:
    """Yield the artifacts of each tier, orientation and set of weights."""

    def key(entry: Artifact) -> tuple[str, ...]:
        return (entry.network, entry.tier, entry.frame.orientation, entry.weights_digest)

    for _, same in itertools.groupby(sorted(artifacts, key=key), key):
        yield list(same)
