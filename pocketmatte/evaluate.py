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
        """Mean of every metric and baseline; a folder counts as often as its weight says."""
        total = sum(each.weight for each in self.results)
        return {
            name: sum(each.values[name] * each.weight for each in self.results) / total
            for name in self.results[0].values
        }

    @property
    def told_mean(self) -> dict[str, dict[str, float]]:
        """The mean as it is written as JSON, metrics apart from baselines."""
        first = self.results[0]
        return {
            "metrics": {name: self.mean[name] for name in first.metrics},
            "baselines": {name: self.mean[name] for name in first.baselines},
        }


def columns(network: str) -> tuple[Column, ...]:
    """Return what is printed of a network's results."""
    return PROTOCOLS[network].columns


def prepare(network: str, folders: Sequence[Path], limit: int | None) -> list[Measure]:
    """Open every folder before any is measured, so that a bad one costs no time.

    Args:
        network: Name of the network.
        folders: The user's data.
        limit: Take at most so many frames or pictures of each; ``None`` takes all.

    Returns:
        What measures a tier on each.

    Raises:
        MediaError: If a folder is none that the network is measured on.
    """
    protocol = PROTOCOLS[network]
    return [protocol.prepare(folder, limit) for folder in folders]


def try_tiers(
    network: str, names: Sequence[str], folders: Sequence[Measure], open_spec: OpenSpec
) -> None:
    """Open all that will be measured once, so that what will not do costs no time.

    Args:
        network: Name of the network.
        names: Of the tiers.
        folders: What ``prepare`` gave.
        open_spec: Opens a tier to run.

    Raises:
        PocketMatteError: If weights or files will not do.
    """
    held = sorted({orientation_of(size_hw) for each in folders for size_hw in each.sizes_hw})
    for name in names:
        opened = _Opened(network, name, open_spec)
        with opened.files:
            for orientation in held:
                opened.tier(orientation)


def evaluate(
    network: str,
    name: str,
    folders: Sequence[Measure],
    open_spec: OpenSpec,
    *,
    on_folder: Callable[[TierResult], None] = lambda _: None,
) -> TierResult:
    """Measure one tier on every folder.

    Args:
        network: Name of the network.
        name: Of the tier.
        folders: What ``prepare`` gave.
        open_spec: Opens a tier to run; called at most once for either orientation.
        on_folder: Called with all that is measured so far when a folder is done.

    Raises:
        UsageError: If landscape and portrait files hold different weights.
        PocketMatteError: If weights, files or a folder will not do.
    """
    opened = _Opened(network, name, open_spec)
    with opened.files:
        results: tuple[Result, ...] = ()
        for measure in folders:
            results += (measure(lambda size_hw: opened.tier(orientation_of(size_hw))),)
            on_folder(TierResult(tier=name, weights=opened.weights, results=results))
    return TierResult(tier=name, weights=opened.weights, results=results)


class _Opened:
    """A tier in those orientations that were asked for; open until ``files`` is closed.

    Args:
        network: Name of the network.
        name: Of the tier.
        open_spec: Opens it.
    """

    def __init__(self, network: str, name: str, open_spec: OpenSpec) -> None:
        self.files = contextlib.ExitStack()
        self._spec = tier(network, name)
        self._open_spec = open_spec
        self._tiers: dict[Orientation, OpenTier] = {}

    @property
    def weights(self) -> Weights:
        """What all that was opened holds."""
        return next(iter(self._tiers.values())).weights

    def tier(self, orientation: Orientation) -> OpenTier:
        """Return the tier in one orientation.

        Raises:
            UsageError: If it holds other weights than in the other one.
            PocketMatteError: If weights or files will not do.
        """
        if orientation not in self._tiers:
            spec = self._spec.oriented(orientation)
            self._tiers[orientation] = self.files.enter_context(self._open_spec(spec))
            if len({each.weights.digest for each in self._tiers.values()}) > 1:
                msg = (
                    f"the portrait and landscape files of {self._spec.name} hold different "
                    "weights; measure folders of one orientation at a time"
                )
                raise UsageError(msg)
        return self._tiers[orientation]
