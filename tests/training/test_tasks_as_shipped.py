"""Forms that are trained compute what programs compute that ship."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pocketmatte.matting.board import Run
from pocketmatte.matting.matanyone import MatAnyoneMatter
from pocketmatte.matting.stfam import TrimapMatter
from pocketmatte.matting.trimap import TrimapPropagator
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.training.elastic import _initialise
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks import TASKS
from pocketmatte.training.tasks.matanyone_form import MEMORY_EVERY, WARM_UP
from pocketmatte.training.video import Video
from tiers.contract_table import contracts
from tiers.ladder import tier
from tiers.networks import programs
from tiers.spec import TierSpec

HW = (48, 64)
STAGE = Stage(
    name="tiny", steps=1, size_hw=HW, length=5, batch=2, learning_rate=(1e-3, 1e-3),
    distillation=0.5,
)  # fmt: skip


def small(network: str, name: str) -> TierSpec:
    return dataclasses.replace(tier(network, name), working_hw=HW, output_hw=HW)


def trained(spec: TierSpec, batch: Tensors) -> nn.Module:
    """A form with random weights whose BatchNorm knows the batch."""
    task = TASKS[spec.network]
    torch.manual_seed(2)
    form = task.form(spec)
    _initialise(form, task)
    for norm in (part for part in form.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.momentum = None
    with torch.no_grad():
        form(batch, 1.0)
    return form.eval()


def predictions(form: nn.Module, batch: Tensors) -> dict[str, Tensor]:
    with torch.no_grad():
        predicted: dict[str, Tensor] = form(batch, 1.0)
    return predicted


def shipped(form: nn.Module, spec: TierSpec) -> Run:
    network = form.get_submodule("network")
    held = programs(network, spec)
    sessions = {
        contract.name: TorchSession(held[contract.name], contract, 1)
        for contract in contracts(spec)
    }
    return lambda program, inputs: sessions[program].run(inputs)


def single(tensor: Tensor) -> FloatArray:
    return tensor[None].numpy()


def videos(task: str, stage: Stage = STAGE, seed: int = 0) -> list[Video]:
    source = TASKS[task].source(stage, None, seed)
    return [source.video(number) for number in range(2)]


def stacked(task: str, clips: list[Video]) -> dict[str, Tensor]:
    random = np.random.default_rng(5)
    samples = [TASKS[task].sample(clip, random, 0.5) for clip in clips]
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


@pytest.mark.parametrize("name", ["t01", "t04", "t09"])  # look back at one, two and three levels
def test_stfam_in_training_is_the_program_frame_by_frame(name: str) -> None:
    spec, batch = small("stfam", name), stacked("stfam", videos("stfam"))
    form = trained(spec, batch)
    alphas = predictions(form, batch)["alpha"]
    matter = TrimapMatter(spec, shipped(form, spec))
    for clip in range(2):
        matter.reset()
        for number in range(STAGE.length):
            given = single(batch["frames"][clip, number]), single(batch["trimaps"][clip, number])
            alpha = torch.from_numpy(matter.matte(*given))[0]
            torch.testing.assert_close(alphas[clip, number], alpha, atol=1e-5, rtol=0)
    unknown = batch["trimaps"] == 0.5
    assert float(alphas[unknown].std()) > 0.02
    alone = {key: value[:, 2:3] for key, value in batch.items()}  # without the two before it
    assert not torch.allclose(predictions(form, alone)["alpha"][:, 0], alphas[:, 2], atol=1e-3)


def test_trimap_in_training_is_the_programs_with_one_and_two_references() -> None:
    spec, batch = small("trimap", "t01"), stacked("trimap", videos("trimap"))
    batch["valid"] = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    batch["given"][:, :, :, 8:24, 8:24] = 1  # whatever chance drew, there is some foreground
    form = trained(spec, batch)
    shares = predictions(form, batch)["trimap"].softmax(2)
    run = shipped(form, spec)
    for clip, frames in enumerate(batch["frames"]):
        propagator = TrimapPropagator(spec, run)
        for place in (0, -1)[: int(batch["valid"][clip].sum())]:
            given = single(batch["given"][clip, place])
            propagator.set_reference(single(frames[place]), given)
        for number in (1, 2):
            found = torch.from_numpy(propagator.propagate(single(frames[number])))[0]
            torch.testing.assert_close(shares[clip, number - 1], found, atol=1e-4, rtol=0)
    swapped = predictions(form, {**batch, "given": 1 - batch["given"]})["trimap"].softmax(2)
    assert float((swapped - shares).abs().max()) > 0.01


@pytest.mark.parametrize("name", ["t01", "t05"])  # banks of two and of three slots
def test_matanyone_in_training_is_the_programs_as_an_app_calls_them(name: str) -> None:
    stage = dataclasses.replace(STAGE, length=7)
    spec, batch = small("matanyone", name), stacked("matanyone", videos("matanyone", stage))
    batch["masks"][0, :, 8:40, 8:40] = 1
    batch["masks"][1] = 0
    batch["masks"][1, 0, 20:40, 20:50] = 1  # the other one is not there
    form = trained(spec, batch)
    alphas = predictions(form, batch)["alpha"].clamp(0, 1)
    matter = MatAnyoneMatter(spec, shipped(form, spec), memory_every=MEMORY_EVERY, warm_up=WARM_UP)
    for clip, objects in enumerate((2, 1)):
        frames, masks = batch["frames"][clip], batch["masks"][clip, :objects, None]
        played = [matter.start(single(frames[0]), masks.numpy())]
        played += [matter.step(single(frame)) for frame in frames[1:]]
        together = torch.from_numpy(np.stack(played))[:, :, 0]
        torch.testing.assert_close(alphas[clip, :, :objects], together, atol=1e-4, rtol=0)
    assert not alphas[1, :, 1].any()
    assert float(alphas[0].std()) > 0.05
