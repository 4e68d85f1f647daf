"""Folders of data at a tier's size, and tiers whose programs are simple rules."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from export.manifest import Weights
from pocketmatte.matte import orientation_of
from pocketmatte.matting.board import Run, Tensors
from pocketmatte.protocols import PROTOCOLS
from pocketmatte.protocols.protocol import Opener, OpenTier, Result
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract_table import contracts
from tiers.ladder import LADDERS, tier
from tiers.spec import TierSpec

UInt8 = npt.NDArray[np.uint8]
Inputs = Mapping[str, FloatArray]
Rule = Callable[[str, Inputs], Inputs]


# Strokes, trimaps and scores are checked at the size that t01 works at: nothing is resized there.
HW = {name: tier(name, "t01").output_hw for name in LADDERS}


@dataclasses.dataclass(frozen=True)
class Bench:
    """Measures rules in place of a network's programs, on folders it writes."""

    path: Path

    def clip(self, pictures: Sequence[UInt8], truths: Sequence[UInt8], folder: str) -> Path:
        for index, (picture, truth) in enumerate(zip(pictures, truths, strict=True)):
            for name, content in (("frames", picture), (folder, truth)):
                (self.path / name).mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(self.path / name / f"{index:03}.png")
        return self.path

    def stills(self, pictures: Sequence[UInt8], masks: Sequence[UInt8]) -> Path:
        for index, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
            for name, content in (("image", picture), ("mask", mask)):
                (self.path / name).mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(self.path / name / f"{index:03}.png")
        return self.path

    def measured(self, network: str, rule: Rule, limit: int | None = None) -> Result:
        return PROTOCOLS[network].prepare(self.path, limit)(opener(network, rule))


def opener(network: str, rule: Rule) -> Opener:
    """Return what opens t01 with a rule in place of its programs."""
    entry = Weights(path=None, network=network, digest="0" * 64, origin="a rule", licence="none")

    def opened(size_hw: tuple[int, int]) -> OpenTier:
        spec = tier(network, "t01").oriented(orientation_of(size_hw))
        return OpenTier(spec=spec, run=run_of(spec, rule), weights=entry, network=None)

    return opened


def run_of(spec: TierSpec, rule: Rule) -> Run:
    """Return a run whose outputs are those of a rule, and zeros where it gives none."""
    outputs = {each.name: each.outputs for each in contracts(spec)}

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        given = rule(program, inputs)
        made = {
            tensor.name: given.get(tensor.name, np.zeros(tensor.shape, dtype=np.float32))
            for tensor in outputs[program]
        }
        assert {name: array.shape for name, array in made.items()} == {
            tensor.name: tensor.shape for tensor in outputs[program]
        }
        return made

    return run


def red(frame: FloatArray) -> FloatArray:
    """Return a frame's red channel as a mask: ``(1, 1, H, W)``."""
    return frame[:, :1].copy()


def in_red(truth: UInt8) -> UInt8:
    """Return a picture whose red channel is a mask, with a pattern in the others."""
    random = np.random.default_rng(int(truth.sum()) % 1000)
    picture = random.integers(0, 256, (*truth.shape, 3), dtype=np.uint8)
    picture[..., 0] = truth
    return picture


def boxed(size_hw: tuple[int, int], left: int, value: int = 255, width: int = 48) -> UInt8:
    """A box half as high as the frame."""
    mask = np.zeros(size_hw, np.uint8)
    mask[size_hw[0] // 4 : 3 * size_hw[0] // 4, left : left + width] = value
    return mask
