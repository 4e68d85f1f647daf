"""Rows that are reached later begin as what was trained before."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pocketmatte.training.batches import fixed_batches
from pocketmatte.training.elastic import Elastic
from pocketmatte.training.finishing import write_checkpoint
from pocketmatte.training.growth import begin_as, grow
from pocketmatte.training.start import start_of
from pocketmatte.training.task import Task, Tensors
from pocketmatte.training.tasks import TASKS
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.checkpoint import write_safetensors
from tiers.errors import CheckpointError, UsageError

# Rows of which the wider ones have no part that is narrower or of another kind than t01's.
WIDER = {
    "rvm": ("t02", "t05", "t08"), "foreground": ("t02", "t04", "t07"),
    "scribble": ("t02", "t05", "t08"), "fusion": ("t02", "t06", "t08"),
    "stfam": ("t02", "t05"), "matanyone": ("t02",), "propagation": ("t02",), "trimap": ("t02",),
}  # fmt: skip


def lively(elastic: Elastic) -> Elastic:
    """Give every BatchNorm layer statistics and a scale of its own."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for norm in (part for part in elastic.modules() if isinstance(part, nn.BatchNorm2d)):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 1.5, generator=generator)
            norm.weight.uniform_(0.5, 1.5, generator=generator)
    return elastic.eval()


def batch_of(task: Task) -> Tensors:
    stage = dataclasses.replace(task.recipes["small"][0], batch=2, size_hw=(48, 64))
    (batch,) = fixed_batches(task, task.source(stage, None, 0), stage, 1, seed=0)
    return batch


def predicted(elastic: Elastic, row: str, batch: Tensors) -> dict[str, Tensor]:
    with torch.no_grad():
        return elastic(row, batch, 1.0)  # type: ignore[no-any-return]


def apart(first: Tensors, second: Tensors) -> float:
    return max(float((first[key] - second[key]).abs().max()) for key in first)


@pytest.mark.parametrize("network", WIDER)
def test_a_wider_row_computes_what_the_one_it_begins_as_does(network: str) -> None:
    task = TASKS[network]
    torch.manual_seed(1)
    elastic = lively(Elastic(task, "t08"))
    batch = batch_of(task)
    before = predicted(elastic, "t01", batch)
    for row in WIDER[network]:
        assert apart(predicted(elastic, row, batch), before) > 1e-2
    grow(elastic, "t01", [name for name in elastic.specs if name != "t01"])
    assert apart(predicted(elastic, "t01", batch), before) == 0
    for row in WIDER[network]:
        # a mean over all channels, new ones too, is part of stfam's and matanyone's gates
        limit = 5e-3 if network in {"stfam", "matanyone"} else 1e-4
        assert apart(predicted(elastic, row, batch), before) < limit


def test_what_is_new_learns() -> None:
    task = TASKS["foreground"]
    torch.manual_seed(1)
    elastic = Elastic(task, "t02")
    grow(elastic, "t01", ["t02"])
    batch, form = batch_of(task), elastic.forms["t02"]
    norms = [part for part in form.modules() if isinstance(part, nn.BatchNorm2d)]
    before = [norm.weight.detach().clone() for norm in norms]
    optimiser = torch.optim.AdamW([each for _, each in elastic.trainable()], lr=1e-3)
    for _ in range(3):  # what is let in by zeros learns once these have moved
        loss = torch.stack([*task.losses(elastic("t02", batch, 1.0), batch, 0.0).values()]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    moved = [(was != norm.weight).float().mean() for was, norm in zip(before, norms, strict=True)]
    assert min(moved) > 0.8  # a channel may be dead


def test_a_network_begins_as_a_trained_one_of_fewer_rows(tmp_path: Path) -> None:
    task = TASKS["foreground"]
    torch.manual_seed(1)
    narrow = lively(Elastic(task, "t02"))
    path = tmp_path / "narrow.safetensors"
    write_checkpoint(task, narrow, path, origin="a test", licence="MIT")
    start = start_of(str(path))
    assert start.licence == "MIT"
    torch.manual_seed(2)
    wide = lively(Elastic(task, "t05"))
    begin_as(wide, start.elastic)
    batch = batch_of(task)
    for row, as_row in (("t01", "t01"), ("t02", "t02"), ("t04", "t02"), ("t05", "t02")):
        found, was = predicted(wide.eval(), row, batch), predicted(narrow, as_row, batch)
        assert apart(found, was) < 2e-2, row  # halves of weights


def test_a_network_begins_as_a_trained_one_of_more_rows() -> None:
    task = TASKS["foreground"]
    torch.manual_seed(1)
    wide, narrow = lively(Elastic(task, "t05")), lively(Elastic(task, "t02"))
    begin_as(narrow, wide)
    batch = batch_of(task)
    for row in ("t01", "t02"):
        assert apart(predicted(narrow, row, batch), predicted(wide, row, batch)) < 1e-4


@pytest.mark.parametrize("network", ["scribble", "propagation", "rvm", "trimap", "matanyone"])
def test_encoders_begin_as_that_of_another_network(network: str) -> None:
    torch.manual_seed(1)
    trained = lively(Elastic(TASKS["foreground"], "t02"))
    ours = Elastic(TASKS[network], "t02")
    untouched = {name: part.clone() for name, part in ours.state_dict().items()}
    begin_as(ours, trained)
    source = trained.forms[trained.full].get_submodule("network.encoder")
    whole = ours.forms[ours.full]
    encoders = {
        name: part for name, part in whole.named_modules() if isinstance(part, MobileNetV3Large)
    }
    assert encoders
    for encoder in encoders.values():
        for place in ("features.0.0", "features.7.block.0.0", "features.13.block.3.0"):
            if place not in dict(encoder.named_modules()):
                continue
            own, given = (part.get_parameter(f"{place}.weight") for part in (encoder, source))
            common = tuple(slice(min(a, b)) for a, b in zip(own.shape, given.shape, strict=True))
            assert torch.equal(own[common], given[common])
    for name, value in ours.state_dict().items():
        if not any(f"{encoder}." in name for encoder in encoders):
            assert torch.equal(value, untouched[name])


def test_networks_without_an_encoder_in_common_are_refused() -> None:
    fusion, trained = Elastic(TASKS["fusion"], "t01"), Elastic(TASKS["foreground"], "t01")
    with pytest.raises(UsageError, match="fusion and foreground have no encoder in common"):
        begin_as(fusion, trained)
    with pytest.raises(UsageError, match="foreground and fusion have no encoder in common"):
        begin_as(trained, fusion)


def test_a_file_of_no_network_is_no_start(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": torch.zeros(2)}, {"format": "pocketmatte.elastic/1"})
    with pytest.raises(CheckpointError, match="does not say which network it is of"):
        start_of(str(path))
