"""Objects carried through a real clip by PyTorch and by exported files: the masks are the same."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from export.program import capture
from export.recipe import recipe
from export.targets import TARGETS
from pocketmatte.clips import open_clip
from pocketmatte.lockstep import run_of
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.tolerances import limits
from tiers.contract_table import contracts
from tiers.ladder import tier
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import network_of, untrained

# Network, row, and the share of the clip's own statistics in every BatchNorm of its seeded weights.
# With less, masks hardly differ from one half or are the same everywhere; with more, an untrained
# network amplifies each rounding from one memorised frame to the next.
ROWS = [
    ("propagation", "t01", 0.85),
    ("propagation", "t07", 0.7),
    ("matanyone", "t01", 0.75),
    ("matanyone", "t06", 0.5),
]
FORMS = ("onnx", "executorch")
FRAMES = 12
EDGE = 1e-4  # from one half; a rounding may move a pixel this near to it to the other side


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """What a rollout over the clip showed.

    Attributes:
        masks: ``(frames, objects, H, W)`` in 0..1, from the second frame on.
        slots: The memory slots that were written, in order.
    """

    masks: FloatArray
    slots: tuple[int, ...]


def scene(folder: Path, spec: TierSpec) -> Iterator[Moment]:
    for frame, mask in open_clip(folder, FRAMES):
        yield Moment(
            frame=resized(frame.transpose(2, 0, 1)[None], spec),
            mask=resized(mask[None, None], spec),
        )


def resized(picture: FloatArray, spec: TierSpec) -> FloatArray:
    given = torch.from_numpy(np.ascontiguousarray(picture))
    small = functional.interpolate(given, spec.output_hw, mode="bilinear", antialias=True)
    return np.ascontiguousarray(small.clamp(0, 1).numpy())


def play(spec: TierSpec, run: Run, moments: list[Moment]) -> Played:
    (judged,) = (contract.judged for contract in contracts(spec) if contract.judged)
    slots = []

    def noted(program: str, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        if "slot" in inputs and inputs["slot"].any():  # zeros write nothing
            slots.append(int(inputs["slot"].argmax()))
        return run(program, inputs)

    _, *found = ROLLOUTS[spec.network](spec, noted, moments)  # of the first they were given
    return Played(masks=np.stack([step[judged][:, 0] for step in found]), slots=tuple(slots))


def settled(spec: TierSpec, share: float, moments: list[Moment]) -> nn.Module:
    """Return a seeded network that what was memorised matters to, untrained as it is."""
    network = network_of(spec, untrained(spec))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = share
    own = programs(network, spec)
    described = {contract.name: contract for contract in contracts(spec)}
    network.train()

    def run(program: str, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        tensors = own[program](*(torch.from_numpy(array) for array in inputs.values()))
        names = (tensor.name for tensor in described[program].outputs)
        return {name: value.numpy() for name, value in zip(names, tensors, strict=True)}

    play(spec, run, moments[:3])
    return network.eval()


def files_of(network: nn.Module, spec: TierSpec, form: str, folder: Path) -> dict[str, Session]:
    target = TARGETS[form]
    sessions = {}
    for contract in contracts(spec):
        path = folder / f"{contract.name}{target.suffix}"
        target.export(capture(network, spec, contract.name, recipe("fp32")), path, {})
        sessions[contract.name] = runtime(target.runtime).load(path, contract, threads=1)
    return sessions


@pytest.mark.parametrize(("network_name", "row", "share"), ROWS)
def test_every_runtime_carries_the_same_masks_through_a_clip(
    network_name: str,
    row: str,
    share: float,
    shared_dir: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    folder = shared_dir / "data" / "clips" / "davis_dog"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    spec = tier(network_name, row)
    moments = list(scene(folder, spec))
    network = settled(spec, share, moments)
    own = programs(network, spec)
    eager = {each.name: TorchSession(own[each.name], each, 1) for each in contracts(spec)}
    expected = play(spec, run_of(eager), moments)
    found = expected.masks > 0.5
    assert 0.01 < found.mean() < 0.99, "masks that are the same everywhere prove nothing"
    assert len(expected.slots) > max(expected.slots) + 1, "the memory has not wrapped round"
    clear = np.abs(expected.masks - 0.5) > EDGE
    for form in FORMS:
        files = files_of(network, spec, form, tmp_path)
        given = play(spec, run_of(files), moments)
        assert given.slots == expected.slots
        difference = np.abs(given.masks - expected.masks)
        record_property(form, f"max abs {difference.max():.1e}")
        assert difference.max() <= (limits("fp32").max_abs or 0.0), form
        assert np.array_equal((given.masks > 0.5)[clear], found[clear]), form
        for session in files.values():
            session.close()
