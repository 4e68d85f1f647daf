"""The checkpoint that comes with the package: whole, of every tier it claims, and of some use."""

import dataclasses
from functools import partial
from pathlib import Path

import pytest
import torch

from pocketmatte.evaluate import evaluate, prepare
from pocketmatte.protocols.opening import torch_tier
from pocketmatte.training.batches import fixed_batches
from pocketmatte.training.compositions import ClipComposer
from pocketmatte.training.finishing import at_own_size
from pocketmatte.training.tasks import task_of
from tiers.ladder import ladder, tier
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec
from tiers.weights import (
    SHIPPED,
    default,
    load,
    network_of,
    shipped_path,
    shipped_rows,
    untrained,
)

REACHED = [spec.name for spec in ladder("rvm").values() if spec.weights_of is not None]
SAMPLES = 4


def shipped(spec: TierSpec) -> Rvm:
    network = network_of(spec, default(spec))
    assert isinstance(network, Rvm)
    return network


@pytest.mark.parametrize("network", SHIPPED)
def test_every_checkpoint_says_where_it_is_from_and_has_a_card(network: str, root: Path) -> None:
    weights = load(shipped_path(network), network)
    assert weights.licence == "Apache-2.0"
    assert weights.origin.startswith("trained by ")
    card = (root / "docs" / "models" / f"{network}.md").read_text("utf-8")
    assert weights.sha256 in card


@pytest.mark.parametrize("network", SHIPPED)
def test_every_checkpoint_reaches_t01_to_t08_at_least(network: str) -> None:
    assert shipped_rows(network)[:8] == tuple(f"t{number:02}" for number in range(1, 9))
    for name in shipped_rows(network):
        spec = tier(network, name)
        assert "untrained" not in default(spec).origin
        network_of(spec, default(spec))


def test_rvm_reaches_eleven_tiers() -> None:
    assert list(shipped_rows("rvm")) == REACHED == [f"t{number:02}" for number in range(1, 12)]


@pytest.mark.parametrize("name", ["t01", "t05"])
@pytest.mark.parametrize("network", SHIPPED)
def test_of_unseen_self_made_samples_trained_rows_know_more_than_seeded_ones(
    network: str, name: str
) -> None:
    task, spec = task_of(network), tier(network, name)
    stage = at_own_size(dataclasses.replace(task.recipes["small"][0], batch=SAMPLES), spec)
    (batch,) = fixed_batches(task, task.source(stage, None, 2026), stage, 1, seed=2026)
    errors = []
    for weights in (default(spec), untrained(spec)):
        form = task.form(spec).eval()
        form.get_submodule("network").load_state_dict(network_of(spec, weights).state_dict())
        with torch.inference_mode():
            errors.append(float(task.error(form(batch, spec.ratio), batch)))
    assert errors[0] < 0.9 * errors[1]


@pytest.mark.parametrize("name", ["t04", "t06", "t08"])
def test_unseen_drawn_figures_are_told_from_what_is_behind(name: str) -> None:
    spec = tier("rvm", name)
    network = shipped(spec)
    composer = ClipComposer(None, frame_hw=spec.output_hw, clip_length=2, seed=2026)
    error = nothing = 0.0  # MAD of the network, and of an alpha of 0 everywhere
    with torch.inference_mode():
        for index in range(4):
            clip, states = composer.clip(index), None
            for frame, true in zip(clip.frames, clip.alpha, strict=True):
                _, alpha, states = network(frame[None], states, spec.ratio)
                error += float((alpha[0] - true).abs().mean())
                nothing += float(true.mean())
    assert error < nothing


def test_alpha_of_a_dancer_is_at_most_half_as_wrong_as_the_best_constant(shared_dir: Path) -> None:
    clips = prepare("rvm", [shared_dir / "data" / "clips" / "alpha_dancer_full_static"], 12)
    values = evaluate("rvm", "t06", clips, partial(torch_tier, weights=None, threads=2)).mean
    assert values["mad"] <= values["constant_mad"] / 2
