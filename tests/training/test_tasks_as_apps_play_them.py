"""Forms of foreground, scribble, propagation and fusion compute what programs compute that ship."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pocketmatte.matting.board import Run
from pocketmatte.matting.foreground import Segmenter
from pocketmatte.matting.fusion import ColourKeys, Fuser
from pocketmatte.matting.propagation import Propagator
from pocketmatte.matting.scribble import Corrector
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.training.elastic import _initialise
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks import TASKS
from tiers.blocks.difference_attention import DifferenceAttention
from tiers.contract_table import contracts
from tiers.ladder import tier
from tiers.networks import programs
from tiers.spec import TierSpec

H, W = 48, 64


def small(network: str, name: str) -> TierSpec:
    spec = tier(network, name)
    scale = spec.output_hw[0] // spec.working_hw[0]
    return dataclasses.replace(spec, working_hw=(H, W), output_hw=(scale * H, scale * W))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def trained(spec: TierSpec, batch: Tensors) -> tuple[nn.Module, Run]:
    """A form with random weights whose BatchNorm knows the batch, and its programs."""
    task = TASKS[spec.network]
    torch.manual_seed(2)
    form = task.form(spec)
    _initialise(form, task)
    for norm in (part for part in form.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.momentum = None
    with torch.no_grad():
        form(batch, spec.ratio)
    held = programs(form.eval().get_submodule("network"), spec)
    sessions = {each.name: TorchSession(held[each.name], each, 1) for each in contracts(spec)}
    return form, lambda program, inputs: sessions[program].run(inputs)


def predicted(form: nn.Module, batch: Tensors, name: str, ratio: float = 1.0) -> Tensor:
    with torch.no_grad():
        held: dict[str, Tensor] = form(batch, ratio)
    return held[name]


@pytest.mark.parametrize("name", ["t01", "t06"])  # working sizes of a half and of the whole
def test_foreground_in_training_is_the_program(name: str) -> None:
    spec = small("foreground", name)
    batch = {"frame": noise(2, 3, *spec.output_hw)}
    form, run = trained(spec, batch)
    masks = predicted(form, batch, "mask", spec.ratio).sigmoid()
    assert float(masks.std()) > 0.01
    for frame, mask in zip(batch["frame"], masks, strict=True):
        found = torch.from_numpy(Segmenter(spec, run).segment(frame[None].numpy()))[0]
        torch.testing.assert_close(mask, found, atol=1e-4, rtol=0)


def test_scribble_in_training_is_the_program() -> None:
    spec = small("scribble", "t01")
    planes = {
        name: noise(2, 1, H, W, seed=k).round()
        for k, name in enumerate(("before", "positive", "negative"))
    }
    batch = {"frame": noise(2, 3, H, W, seed=9), **planes}
    form, run = trained(spec, batch)
    masks = predicted(form, batch, "mask").sigmoid()
    for number in range(2):
        given = [batch[name][number : number + 1].numpy() for name in ("frame", *planes)]
        found = torch.from_numpy(Corrector(spec, run).correct(*given))[0]
        torch.testing.assert_close(masks[number], found, atol=1e-5, rtol=0)


def test_fusion_in_training_is_the_program() -> None:
    spec = small("fusion", "t01")
    frames, before, after = noise(2, 3, H, W), noise(1, 1, H, W, seed=1), noise(1, 1, H, W, seed=2)
    keys = [ColourKeys(spec)(frame[None].numpy()) for frame in frames]
    gained = after - before
    attention = DifferenceAttention()(
        *(torch.from_numpy(key) for key in keys), gained.clamp(min=0), (-gained).clamp(min=0)
    )
    batch = {
        "frame": frames[1:], "previous_mask": before, "new_mask": after, "attention": attention,
        "distances": torch.tensor([0.25, 0.75]).view(1, 2, 1, 1),
    }  # fmt: skip
    form, run = trained(spec, batch)
    fuser = Fuser(spec, run)
    fuser.interact(4, keys[0], before.numpy(), after.numpy())
    found = fuser.fuse(5, 8, frames[1:].numpy(), keys[1], before.numpy(), after.numpy())
    masks = predicted(form, batch, "mask").sigmoid()
    torch.testing.assert_close(masks, torch.from_numpy(found), atol=1e-5, rtol=0)


def test_propagation_in_training_is_the_programs_with_one_and_two_objects() -> None:
    spec = small("propagation", "t04")  # attends to all of its memory
    masks = torch.zeros(2, 4, 2, H, W)
    masks[:, :, 0, 4:30, 6:30] = 1
    masks[0, :, 1, 20:44, 34:60] = 1  # the second clip has no second object
    batch = {
        "frames": noise(2, 4, 3, H, W), "masks": masks,
        "present": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
    }  # fmt: skip
    form, run = trained(spec, batch)
    shares = predicted(form, batch, "aggregated").softmax(2)[:, :, 1:]
    assert float(shares.std()) > 0.01
    for clip, objects in enumerate((2, 1)):
        frames = batch["frames"][clip, :, None].numpy()
        propagator = Propagator(spec, run, memory_every=1)
        propagator.start(frames[0], masks[clip, 0, :objects, None].numpy())
        found = np.stack([propagator.step(frame)[:, 0] for frame in frames[1:]])
        torch.testing.assert_close(
            shares[clip, :, :objects], torch.from_numpy(found), atol=1e-3, rtol=0
        )
