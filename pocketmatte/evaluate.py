"""Measure tiers of a network on folders of the user's data, each by its network's protocol."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

from export.manifest import Weights
from pocketmatte.matte import orientation_of
from pocketmatte.protocols import PROTOCOLS
from pocketmatte.protocols.protocol import Column, Measure, OpenTier, Result
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.spec import Orientation, TierSpec

OpenSpec: TypeAlias = Callable[[TierSpec], AbstractContextManager[OpenTier]]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TierResult:
    """What one tier reached.

    Attributes:
        tier: Its name.
        weights: What it held.
        results: Of every folder, in the order in which they were given.
    """

    tier: str
    weights: Weights
    results: tuple[Result, ...]

    @property
    def mean(self) -> dict[str, float]:
        """Mean of every metric and baseline; a folder counts as often as it has objects."""
        total = sum(each.objects for each in self.results)
        return {
            name: sum(each.values[name] * each.objects for each in self.results) / total
            for name in self.results[0].values
        }


def columns(network: str) -> tuple[Column, ...]:
    """Return what is printed of a network's results."""
    return PROTOCOLS[network].columns


def prepare(network: str, folders: Sequence[Path], limit: int | None) -> list[tuple[str, Measure]]:
    """Open every folder before any is measured, so that a bad one costs no time.

    Args:
        network: Name of the network.
        folders: The user's data.
        limit: Take at most so many frames or pictures of each; ``None`` takes all.

    Returns:
        The name of every folder and what measures a tier on it.

    Raises:
        MediaError: If a folder is none that the network is measured on.
    """
    protocol = PROTOCOLS[network]
    return [(folder.name, protocol.prepare(folder, limit)) for folder in folders]


def evaluate(
    network: str,
    name: str,
    folders: Sequence[tuple[str, Measure]],
    open_spec: OpenSpec,
    *,
    on_folder: Callable[[str], None] = lambda _: None,
) -> TierResult:
    """Measure one tier on every folder.

    Args:
        network: Name of the network.
        name: Of the tier.
        folders: What ``prepare`` gave.
        open_spec: Opens a tier to run; called at most once for either orientation.
        on_folder: Called with tier and folder when one is done.

    Raises:
        UsageError: If landscape and portrait files hold different weights.
        PocketMatteError: If weights, files or a folder will not do.
    """
    with contextlib.ExitStack() as stack:
        opened: dict[Orientation, OpenTier] = {}

        def opener(size_hw: tuple[int, int]) -> OpenTier:
            held = orientation_of(size_hw)
            if held not in opened:
                spec = tier(network, name).oriented(held)
                opened[held] = stack.enter_context(open_spec(spec))
            return opened[held]

        results = []
        for folder, measure in folders:
            results.append(measure(opener))
            on_folder(f"{name} {folder}")
        held = {each.weights.digest: each.weights for each in opened.values()}
    if len(held) > 1:
        msg = (
            f"the portrait and landscape files of {name} hold different weights; "
            "measure folders of one orientation at a time"
        )
        raise UsageError(msg)
    (weights,) = held.values()
    return TierResult(tier=name, weights=weights, results=tuple(results))
