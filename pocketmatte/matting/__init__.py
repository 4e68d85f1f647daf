"""What an app does with the networks: which program runs when, and on what."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.matting import (
    foreground,
    fusion,
    matanyone,
    propagation,
    rvm,
    scribble,
    stfam,
    trimap,
)
from pocketmatte.matting.board import Rollout

# How each network plays over a scene, by its name.
ROLLOUTS: Mapping[str, Rollout] = MappingProxyType(
    {
        "rvm": rvm.rollout,
        "foreground": foreground.rollout,
        "fusion": fusion.rollout,
        "scribble": scribble.rollout,
        "propagation": propagation.rollout,
        "trimap": trimap.rollout,
        "stfam": stfam.rollout,
        "matanyone": matanyone.rollout,
    }
)
