"""The checkpoint that comes with the package: whole, of every tier it claims, and of some use."""

from functools import partial
from pathlib import Path

import pytest
import torch

from pocketmatte.evaluate import evaluate, prepare
from pocketmatte.protocols.opening import torch_tier
from pocketmatte.training.compositions import ClipComposer
from tiers.ladder import ladder, tier
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec
from tiers.weights import SHIPPED, default, load, network_of, shipped_path, shipped_rows

REACHED = [spec.name for spec in ladder("rvm").values() if spec.weights_of is not None]


def shipped(spec: TierSpec) -> Rvm:
    network = network_of(spec, default(spec))
    assert isinstance(network, Rvm)
    return network


def test_the_checkpoint_names_its_origin_and_licence() -> None:
    weights = load(shipped_path("rvm"), "rvm")
    assert weights.licence == "Apache-2.0"
    assert "train_rvm" in weights.origin


@pytest.mark.parametrize("network", SHIPPED)
def test_every_checkpoint_is_whole_and_has_a_card(network: str, root: Path) -> None:
    assert shipped_rows(network)
    assert (root / "docs" / "models" / f"{network}.md").is_file()


def test_it_reaches_eleven_tiers() -> None:
    assert [f"t{number:02}" for number in range(1, 12)] == REACHED


@pytest.mark.parametrize("name", REACHED)
def test_every_tier_it_reaches_gets_trained_weights(name: str) -> None:
    assert "untrained" not in default(tier("rvm", name)).origin
    shipped(tier("rvm", name))


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
