"""Golden file of MatAnyone, of its release for one object."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.matting.board import Tensors
from pocketmatte.matting.matanyone import MatAnyoneMatter
from pocketmatte.runtimes.protocol import FloatArray
from runtime_tests.golden import Case, Outputs, drawn_input
from tiers.contract_table import contracts
from tiers.ladder import tier
from tiers.networks.matanyone import programs
from tiers.networks.matanyone_official import OfficialMatAnyone
from tiers.official import LAYOUTS, official_shapes
from tiers.spec import TierSpec

_FRAME_HW = (96, 160)
_FRAMES = 8
_SHOWN = 16  # channels of the encoder's maps that the file holds
_LAYOUT = LAYOUTS["matanyone"][0]
_SPEC = dataclasses.replace(
    tier("matanyone", _LAYOUT.tier), working_hw=_FRAME_HW, output_hw=_FRAME_HW
)


def _shapes() -> dict[str, tuple[int, ...]]:
    return official_shapes(_LAYOUT)


def _outputs(network: OfficialMatAnyone, seed: int) -> Outputs:
    """Run the parts on one frame, then the whole network on a clip."""
    frames = [drawn_input(f"frame{n}", (1, 3, *_FRAME_HW), seed) for n in range(_FRAMES)]
    mask = (drawn_input("mask0", (1, 1, *_FRAME_HW), seed) > 0.5).float()
    with torch.inference_mode():
        # the clip's mask was taken for one in 0..255
        alphas = _alphas(network, frames, mask / 255)
        return {**_parts(network, frames[0], mask), "alpha": alphas}


def _parts(network: OfficialMatAnyone, frame: Tensor, mask: Tensor) -> Outputs:
    image = network.normalise(frame)
    f16, f8, f4, f2 = network.pixel_encoder(image)
    key, shrinkage, selection, feature, *_ = network.encode(frame)
    masks = torch.cat([mask, torch.zeros_like(mask)])
    value = network.value(frame, feature, masks)
    summaries = network.object_summarizer(functional.avg_pool2d(masks, 16), value)
    return {
        "pix_feat": feature,
        "ms0": f16[:, :_SHOWN],
        "ms1": f8[:, :_SHOWN],
        "ms2": f4[:, :_SHOWN],
        "ms3": f2,
        "ms4": image,
        "key": key,
        "shrinkage": shrinkage,
        "selection": selection,
        # of the one object there is; the file has an axis of objects
        "value": value[None, :1],
        "sensory": network.deepened(value, torch.zeros_like(value))[None, :1],
        "summaries": summaries[None, :1],
    }


def _alphas(network: OfficialMatAnyone, frames: list[Tensor], mask: Tensor) -> Tensor:
    run = _Run(network, _SPEC)
    matter = MatAnyoneMatter(_SPEC, run, memory_every=5, warm_up=1)
    first, *others = (frame.numpy() for frame in frames)
    alphas = [matter.start(first, mask.numpy()), *(matter.step(frame) for frame in others)]
    return torch.cat([torch.from_numpy(alpha) for alpha in alphas])


class _Run:
    """The programs in the form that compares exactly, as the official implementation does."""

    def __init__(self, network: OfficialMatAnyone, spec: TierSpec) -> None:
        self._programs = programs(network, spec, exact=True)
        self._contracts = {contract.name: contract for contract in contracts(spec)}

    def __call__(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        contract = self._contracts[program]
        given = (torch.from_numpy(inputs[tensor.name]) for tensor in contract.inputs)
        outputs = self._programs[program](*given)
        return {
            tensor.name: output.numpy()
            for tensor, output in zip(contract.outputs, outputs, strict=True)
        }


CASES = (
    Case(
        name="matanyone",
        network="matanyone",
        layout=_LAYOUT.name,
        shapes=_shapes,
        outputs=_outputs,
        gain=0.7,
        limit=1e-3,
    ),
)
