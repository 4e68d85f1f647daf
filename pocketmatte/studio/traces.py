"""What a session ran, as reference traces: the harnesses replay it on a phone."""

import dataclasses
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

from pocketmatte.bundle import bundle_weights
from pocketmatte.groups import Group
from pocketmatte.harness.recording import record
from pocketmatte.harness.traces import trace_path
from pocketmatte.matting.board import Run, Scene, Tensors
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.studio.meter import Meter
from pocketmatte.studio.tape import Tape
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import network_of


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Weighed:
    weights_digest: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Taped:
    """A network and its tape, in the form of a ``Group`` as far as the recorder looks at one."""

    spec: TierSpec
    contracts: tuple[ProgramContract, ...]
    reference: Mapping[str, TorchSession]
    artifacts: tuple[_Weighed, ...]
    tape: Tape

    def scene(self, _: int) -> Scene:
        """Return nothing: the tape holds the frames."""
        return ()

    def play(self, run: Run, scene: Scene) -> Iterator[Tensors]:
        """Play the tape."""
        return self.tape.play(run, scene)


def write_traces(
    meter: Meter, bundle: Path | None, path: Path, advance: Callable[[str], None]
) -> Path:
    """Write an archive of one trace a network that ran, as a bundle holds them.

    Whatever ran, PyTorch gives the reference: it is played what the networks were given.

    Args:
        meter: Of the lane.
        bundle: Whose files ran, if it was files.
        path: The archive.
        advance: Called after each network.

    Raises:
        UsageError: If nothing ran yet.
        BundleError: If the bundle lacks the weights that its files were made from.
        CheckpointError: If PyTorch gives a value that is not finite.
    """
    tapes = meter.tapes
    if not tapes:
        msg = "nothing ran yet; pick a subject, or matte"
        raise UsageError(msg)
    root = path.parent / "bundle"
    for opened, tape in tapes.values():
        spec = opened.spec
        folder = root / trace_path(spec.network, spec.name, spec.orientation)
        folder.mkdir(parents=True)
        record(folder, cast("Group", _taped(opened, bundle, tape)), tape.frames)
        advance("")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(each for each in root.rglob("*") if each.is_file()):
            archive.write(file, file.relative_to(root).as_posix())
    shutil.rmtree(root)
    return path


def _taped(opened: OpenTier, bundle: Path | None, tape: Tape) -> _Taped:
    spec = opened.spec
    network = opened.network
    if network is None:
        if bundle is None:
            msg = f"files of {spec.network} ran, but of no bundle"
            raise ValueError(msg)
        network = network_of(spec, bundle_weights(bundle, opened.weights, spec))
    own = programs(network, spec)
    described = contracts(spec)
    return _Taped(
        spec=spec,
        contracts=described,
        reference={each.name: TorchSession(own[each.name], each, 1) for each in described},
        artifacts=(_Weighed(weights_digest=opened.weights.digest),),
        tape=tape,
    )
