"""What every network is trained by: predictions, samples, losses and errors, on tiny clips."""

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.batches import fixed_batches
from pocketmatte.training.elastic import _initialise
from pocketmatte.training.mask_losses import logits_of
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Task, Tensors
from pocketmatte.training.tasks import TASKS, task_of
from tiers.errors import UsageError
from tiers.ladder import LADDERS, ladder, tier
from tiers.weights import full_tier

Shape: TypeAlias = tuple[int, ...]

N, H, W = 2, 32, 48
LENGTHS = {"rvm": 2, "propagation": 3, "fusion": 5, "trimap": 5, "stfam": 3, "matanyone": 3}
SURE = 20.0  # of a logit

SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "rvm": {
        "alpha": (N, 2, 1, H, W), "foreground": (N, 2, 3, H, W), "segmentation": (N, 2, 1, H, W),
    },
    "foreground": {"mask": (N, 1, H, W), "coarse": (N, 1, H // 2, W // 2)},
    "scribble": {"mask": (N, 1, H, W)},
    "propagation": {
        "aggregated": (N, 2, 3, H, W), "auxiliary": (N, 2, 2, H // 16, W // 16),
        "carried": (N, 2, 2, H // 16, W // 16),
    },
    "fusion": {"mask": (N, 1, H, W)},
    "trimap": {"trimap": (N, 2, 3, H, W), "carried": (N, 2, 3, H // 16, W // 16)},
    "stfam": {"alpha": (N, 3, 1, H, W)},
    "matanyone": {
        "alpha": (N, 3, 2, H, W), "change": (N, 2, 2, H // 16, W // 16),
        "carried": (N, 2, 2, H // 16, W // 16),
    },
}  # fmt: skip

HEADS = {
    "rvm": {"network.project_mat.conv", "network.project_seg.conv", "network.refiner.conv.6"},
    "foreground": {"network.coarse"},
    "scribble": {"network.head"},
    "propagation": {"network.mask", "network.auxiliary.mask"},
    "fusion": {"network.logit"},
    "trimap": {"network.head"},
    "stfam": {"network.head"},
    "matanyone": {"network.alpha", "network.change.out"},
}

# What is right or wrong of a batch, by network.
TRUTHS = {
    "rvm": ("alpha", "foreground"), "propagation": ("masks",), "trimap": ("truth",),
    "stfam": ("alpha",), "matanyone": ("alpha",),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """A network's task with one batch of its samples."""

    task: Task
    stage: Stage
    batch: Tensors

    def form(self, name: str = "t01") -> nn.Module:
        torch.manual_seed(0)
        form = self.task.form(tier(self.task.network, name))
        _initialise(form, self.task)
        return form


def stage_of(network: str) -> Stage:
    return Stage(
        name="tiny", steps=1, size_hw=(H, W), ratio=1.0, length=LENGTHS.get(network, 1), batch=N,
        learning_rate=(1e-3, 1e-3), distillation=0.5,
    )  # fmt: skip


def batch_of(task: Task, stage: Stage, seed: int) -> Tensors:
    (batch,) = fixed_batches(task, task.source(stage, None, seed), stage, 1, seed=seed)
    return batch


@pytest.fixture(scope="module", params=TASKS)
def case(request: pytest.FixtureRequest) -> Case:
    task, stage = TASKS[request.param], stage_of(request.param)
    return Case(task, stage, batch_of(task, stage, 3))


def sure(mask: Tensor) -> Tensor:
    return SURE * (2 * mask.float() - 1)


def reduced(planes: Tensor, hw: Shape) -> Tensor:
    flat = functional.interpolate(planes.flatten(0, 1), hw, mode="area")
    return flat.view(*planes.shape[:2], -1, *hw)


def answer(network: str, batch: Tensors) -> dict[str, Tensor]:
    """What a form predicts that takes all truths of a batch for right."""
    if network == "rvm":
        held = {name: batch[name] for name in ("alpha", "foreground")}
        return {**held, "segmentation": sure(batch["alpha"] > 0.5)}
    if network == "propagation":
        masks = batch["masks"]
        background = (1 - masks[:, 1:].sum(2, keepdim=True)).clamp(min=0)
        small = reduced(masks[:, :-1], SHAPES[network]["auxiliary"][-2:])
        aggregated = sure(torch.cat((background, masks[:, 1:]), dim=2))
        later = reduced(masks[:, 1:], SHAPES[network]["auxiliary"][-2:])
        return {
            "aggregated": aggregated, "auxiliary": sure(small > 0.5), "carried": logits_of(later)
        }  # fmt: skip
    if network == "trimap":
        right = functional.one_hot(batch["truth"][:, :, 0], 3).movedim(-1, 2)
        small = reduced(right.float(), SHAPES[network]["carried"][-2:])
        return {"trimap": sure(right), "carried": logits_of(small)}
    if network == "stfam":
        return {"alpha": batch["alpha"]}
    if network == "matanyone":
        step = (batch["alpha"][:, 1:] - batch["alpha"][:, :-1]).abs()
        changed = functional.max_pool2d((step > 0.01).float().flatten(0, 1), 16)
        later = reduced(batch["alpha"][:, 1:], SHAPES[network]["carried"][-2:])
        return {
            "alpha": batch["alpha"],
            "change": sure(changed.view(*step.shape[:3], H // 16, -1)),
            "carried": logits_of(later),
        }
    mask = sure(batch["mask"] > 0.5)
    return {"mask": mask, "coarse": functional.avg_pool2d(mask, 2)}


def spoiled(network: str, batch: Tensors) -> dict[str, Tensor]:
    """A batch whose truths are all wrong."""
    names = TRUTHS.get(network, ("mask",))
    whole = 2 if network == "trimap" else 1
    return {name: whole - held if name in names else held for name, held in batch.items()}


def total(task: Task, predicted: Tensors, batch: Tensors, progress: float = 0.0) -> Tensor:
    return torch.stack(list(task.losses(predicted, batch, progress).values())).sum()


def test_every_network_has_a_task_and_no_other() -> None:
    assert set(TASKS) == set(LADDERS)
    assert all(task.network == name for name, task in TASKS.items())
    assert {"small", "more", "paper"} <= set.intersection(
        *(set(task.recipes) for task in TASKS.values())
    )
    with pytest.raises(UsageError, match="no training of 'unet'; there is one of rvm, "):
        task_of("unet")


@pytest.mark.parametrize("network", TASKS)
def test_stages_reach_rows_in_order_and_those_that_go_on_are_the_last(network: str) -> None:
    recipes, names = TASKS[network].recipes, [*ladder(network)]
    for stages in recipes.values():
        reached = [names.index(stage.widest or names[-1]) for stage in stages]
        assert reached == sorted(reached)
        assert stages[-1].widest is None
    more = recipes["more"]
    assert more
    assert more == recipes["small"][-len(more) :]


@pytest.mark.parametrize("network", TASKS)
def test_frames_of_every_stage_are_multiples_of_16(network: str) -> None:
    for stage in (stage for stages in TASKS[network].recipes.values() for stage in stages):
        assert all(round(side * (stage.ratio or 1)) % 16 == 0 for side in stage.size_hw), stage


@pytest.mark.parametrize("network", ["fusion", "matanyone"])
def test_an_official_row_is_not_trained(network: str) -> None:
    with pytest.raises(ValueError, match="t12 is the official network, which is not trained here"):
        TASKS[network].form(tier(network, "t12"))


def test_predictions_have_the_stated_shapes(case: Case) -> None:
    predicted = case.form()(case.batch, 1.0)
    shapes = {name: tuple(value.shape) for name, value in predicted.items()}
    assert shapes == SHAPES[case.task.network]


def test_heads_are_convolutions_of_the_narrowest_and_the_widest_form(case: Case) -> None:
    network = case.task.network
    with torch.device("meta"):
        forms = [case.task.form(tier(network, name)) for name in ("t01", full_tier(network))]
    for form in forms:
        convolutions = {name for name, part in form.named_modules() if isinstance(part, nn.Conv2d)}
        assert {name for name in convolutions if case.task.is_head(name)} == HEADS[network]


def test_the_loss_of_one_batch_falls_to_a_half(case: Case) -> None:
    form, losses = case.form(), list[float]()
    optimiser = torch.optim.AdamW(form.parameters(), lr=5e-3)
    while len(losses) < 50 and not sum(losses[-3:]) < sum(losses[:3]) / 2:
        loss = total(case.task, form(case.batch, 1.0), case.batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(form.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-3:]) < sum(losses[:3]) / 2


def test_a_seed_gives_the_same_samples_and_another_one_others(case: Case) -> None:
    again, other = (batch_of(case.task, case.stage, seed) for seed in (3, 4))
    assert case.batch.keys() == again.keys()
    assert all(torch.equal(case.batch[name], again[name]) for name in again)
    assert any(not torch.equal(case.batch[name], other[name]) for name in other)


def test_what_is_simulated_depends_on_its_random_numbers_alone(case: Case) -> None:
    clip = case.task.source(case.stage, None, 0).video(1)
    first, again = (case.task.sample(clip, np.random.default_rng(7), 0.5) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_error_is_0_at_the_truth_and_larger_elsewhere(case: Case) -> None:
    network = case.task.network
    right, wrong = (answer(network, held) for held in (case.batch, spoiled(network, case.batch)))
    assert float(case.task.error(right, case.batch)) == pytest.approx(0, abs=1e-6)
    assert float(case.task.error(wrong, case.batch)) > 0.5


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_the_truth_costs_least(case: Case, progress: float) -> None:
    network, task, batch = case.task.network, case.task, case.batch
    right, wrong = (answer(network, held) for held in (batch, spoiled(network, batch)))
    with torch.no_grad():
        untrained = case.form()(batch, 1.0)
    costs = [float(total(task, each, batch, progress)) for each in (right, untrained, wrong)]
    assert costs[0] < 0.5 * costs[1]
    assert costs[0] < 0.2 * costs[2]


def test_the_distance_is_0_from_itself_and_the_same_both_ways(case: Case) -> None:
    network = case.task.network
    own, other = (answer(network, held) for held in (case.batch, spoiled(network, case.batch)))
    assert float(case.task.distance(own, own)) == 0
    there, back = case.task.distance(own, other), case.task.distance(other, own)
    assert float(there) > 0.1
    torch.testing.assert_close(there, back)
