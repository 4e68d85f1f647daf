"""One file of a bundle, the program it was captured from, and real inputs of it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from export.artifact import inside
from export.manifest import Artifact
from export.program import capture
from export.recipe import recipe
from pocketmatte.bundle import bundle_weights, read_bundle, weights_entry
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Tensors
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from pocketmatte.taps.mlprogram import MlProgramTaps
from pocketmatte.taps.onnx_graph import OnnxTaps
from pocketmatte.taps.protocol import Taps
from pocketmatte.taps.torch_graph import TorchTaps
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier as tier_of
from tiers.networks import programs
from tiers.weights import network_of

_FRAMES = 52  # of the standard scene, as verify plays it
_CALL = 2  # with states that are no longer those at the start
_MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A file to look into.

    Attributes:
        entry: What the manifest says of it.
        path: Where it is.
        contract: Of its program.
        reference: The program in PyTorch, in single precision.
        inputs: Of one run of it.
        call: Which run of the scene that is, from 1.
    """

    entry: Artifact
    path: Path
    contract: ProgramContract
    reference: TorchTaps
    inputs: Mapping[str, FloatArray]
    call: int


def entry_of(file: Path) -> tuple[Path, Artifact]:
    """Return the bundle that a file lies in, and its entry in the manifest.

    Raises:
        UsageError: If it lies in no bundle, or the bundle's manifest does not list it.
    """
    whole = file.absolute()
    root = next((each for each in whole.parents if (each / _MANIFEST).is_file()), None)
    if root is None:
        msg = f"{file} lies in no bundle; give a file that pocketmatte build wrote"
        raise UsageError(msg)
    relative = whole.relative_to(root).as_posix()
    artifacts = read_bundle(root).artifacts
    entry = next((each for each in artifacts if each.path == relative), None)
    if entry is None:
        count = len(artifacts)
        msg = f"the manifest of {root} does not list {relative}; give one of its {count} files"
        raise UsageError(msg)
    return root, entry


def require_taps(entry: Artifact) -> None:
    """Refuse a file that nothing can be seen in but its inputs and outputs.

    Raises:
        UsageError: If it is one.
    """
    if entry.format not in ("onnx", "coreml"):
        msg = (
            f"{entry.path}: files of the format {entry.format} show no value inside; "
            "look into the .onnx or .mlpackage of the same program"
        )
        raise UsageError(msg)


def subject(file: Path, call: int | None) -> Subject:
    """Return a file with the inputs of its program's ``call``-th run in the standard scene.

    Without ``call`` it is the second run, or the only one.

    Raises:
        UsageError: If it lies in no bundle, shows no values, or the scene calls its program less
            often.
        BundleError: If the bundle's weights are missing.
        CheckpointError: If they are corrupt.
    """
    root, entry = entry_of(file)
    require_taps(entry)
    spec = tier_of(entry.network, entry.tier).oriented(entry.frame.orientation)
    weights = bundle_weights(root, weights_entry(root, read_bundle(root), entry), spec)
    network = network_of(spec, weights)
    own = programs(network, spec)
    sessions = {each.name: TorchSession(own[each.name], each, 1) for each in contracts(spec)}
    seen: list[Mapping[str, FloatArray]] = []

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        if program == entry.program:
            seen.append(dict(inputs))
        return sessions[program].run(inputs)

    for _ in ROLLOUTS[spec.network](spec, run, standard_scene(spec, _FRAMES)):
        if len(seen) >= (call or _CALL):
            break
    wanted = min(_CALL, len(seen)) if call is None else call
    if not 0 < wanted <= len(seen):
        msg = f"--call is {wanted}; the {_FRAMES} frames of the scene run it {len(seen)} times"
        raise UsageError(msg)
    return Subject(
        entry=entry,
        path=inside(root, entry.path),
        contract=next(each for each in contracts(spec) if each.name == entry.program),
        reference=TorchTaps(capture(network, spec, entry.program, recipe("fp32"))),
        inputs=seen[wanted - 1],
        call=wanted,
    )


def taps_of(entry: Artifact, path: Path, contract: ProgramContract) -> Taps:
    """Return the values inside a file.

    Raises:
        UsageError: If files of its format show none.
        BundleError: If the file is broken.
    """
    require_taps(entry)
    return OnnxTaps(path, contract) if entry.format == "onnx" else MlProgramTaps(path, contract)
