"""What a pane of the studio may run: a way to the alpha, a tier, and what runs the networks."""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from export.manifest import Artifact, read_manifest
from pocketmatte.cut.methods import AlphaOf, Method
from pocketmatte.cut.networks import Chosen
from pocketmatte.groups import runnable
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import LADDERS, tier
from tiers.spec import Orientation
from tiers.weights import shipped_rows

Way: TypeAlias = Literal["stfam", "mask", "matanyone", "rvm"]

TORCH = "torch"

# What each way runs at most: strokes and the first mask, too, are of the pane's own networks.
_PICKING = ("foreground", "scribble")
NETWORKS: Mapping[Way, tuple[str, ...]] = MappingProxyType(
    {
        "stfam": (*_PICKING, "propagation", "fusion", "trimap", "stfam"),
        "mask": (*_PICKING, "propagation", "fusion"),
        "matanyone": (*_PICKING, "matanyone"),
        "rvm": ("rvm",),
    }
)
# What is run on every frame of a video, and so decides the milliseconds of a frame.
EVERY_FRAME: Mapping[Way, tuple[str, ...]] = MappingProxyType(
    {
        "stfam": ("propagation", "trimap", "stfam"),
        "mask": ("propagation",),
        "matanyone": ("matanyone",),
        "rvm": ("rvm",),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a pane runs.

    Attributes:
        way: To the alpha.
        tier: Of all its networks.
        form: Format of a bundle's files, or ``torch``.
        recipe: Of the files; ``fp32`` of PyTorch.
    """

    way: Way
    tier: str
    form: str = TORCH
    recipe: str = "fp32"

    @property
    def method(self) -> Method:
        """As ``pocketmatte cut`` calls it."""
        return self.way if self.way in ("matanyone", "rvm") else "propagate"

    @property
    def alpha_of(self) -> AlphaOf:
        """As ``pocketmatte cut`` calls it."""
        return "mask" if self.way == "mask" else "stfam"

    def chosen(self, bundle: Path | None, threads: int) -> Chosen:
        """Return it as the networks of a cut are chosen."""
        return Chosen(
            tiers={},
            tier=self.tier,
            weights={},
            bundle=None if self.form == TORCH else bundle,
            form="onnx" if self.form == TORCH else self.form,
            recipe=self.recipe,
            threads=threads,
        )

    @property
    def told(self) -> dict[str, str]:
        """For the page."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """Something that can run networks here.

    Attributes:
        form: Format of the files, or ``torch``.
        recipe: Of the files.
        tiers: Way -> the tiers of which every network is there.
    """

    form: str
    recipe: str
    tiers: Mapping[str, tuple[str, ...]]

    @property
    def told(self) -> dict[str, object]:
        """For the page."""
        return {"form": self.form, "recipe": self.recipe, "tiers": dict(self.tiers)}


def engines(
    bundle: Path | None, orientation: Orientation, on_network: Callable[[], None] = lambda: None
) -> tuple[Engine, ...]:
    """Return what can run networks here, PyTorch with the shipped weights first.

    Args:
        bundle: Whose files may be run, if any.
        orientation: Of the video.
        on_network: Called after each network whose weights were looked at.

    Raises:
        BundleError: If the bundle's manifest is missing or broken.
    """
    shipped: dict[str, frozenset[str]] = {}
    for network in LADDERS:
        shipped[network] = _shipped(network)
        on_network()
    found = [Engine(form=TORCH, recipe="fp32", tiers=_ways(shipped))]
    if bundle is None:
        return tuple(found)
    held: dict[tuple[str, str], dict[str, dict[str, set[str]]]] = {}
    for entry in read_manifest(bundle).artifacts:
        if runnable(entry) is None and _serves(entry, orientation):
            networks = held.setdefault(
                (entry.format, entry.recipe), defaultdict(lambda: defaultdict(set))
            )
            networks[entry.network][entry.tier].add(entry.program)
    for (form, recipe), networks in sorted(held.items()):
        whole = {network: _complete(network, rows) for network, rows in networks.items()}
        ways = _ways(whole)
        if any(ways.values()):
            found.append(Engine(form=form, recipe=recipe, tiers=ways))
    return tuple(found)


def require_runnable(choice: Choice, known: tuple[Engine, ...]) -> None:
    """Refuse a choice that nothing here can run.

    Raises:
        UsageError: With the tiers, or the formats, that there are.
    """
    engine = next(
        (each for each in known if (each.form, each.recipe) == (choice.form, choice.recipe)), None
    )
    if engine is None:
        there = ", ".join(f"{each.form} {each.recipe}" for each in known)
        msg = f"nothing here runs {choice.form} {choice.recipe}; there is {there}"
        raise UsageError(msg)
    rows = engine.tiers.get(choice.way, ())
    if choice.tier not in rows:
        msg = (
            f"{choice.form} {choice.recipe} has no tier {choice.tier} of {choice.way}; it has "
            f"{', '.join(rows) or 'none'}"
        )
        raise UsageError(msg)


def file_bytes(bundle: Path, choice: Choice, network: str) -> int:
    """Return how large the files of a network are, all programs together."""
    return sum(
        entry.size_bytes
        for entry in read_manifest(bundle).artifacts
        if (entry.network, entry.tier, entry.format, entry.recipe)
        == (network, choice.tier, choice.form, choice.recipe)
    )


@functools.cache  # reading all weights takes a second, and they do not change meanwhile
def _shipped(network: str) -> frozenset[str]:
    """Return the tiers that shipped weights reach."""
    return frozenset(shipped_rows(network))


def _ways(rows: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """Return, by way, the tiers of which every network is among ``rows``, in the ladder's order."""
    return {
        way: tuple(
            name
            for name in LADDERS[networks[0]]
            if all(name in rows.get(network, ()) for network in networks)
        )
        for way, networks in NETWORKS.items()
    }


def _complete(network: str, programs: Mapping[str, set[str]]) -> set[str]:
    """Return the tiers of which every program is there."""
    return {
        name
        for name, there in programs.items()
        if {contract.name for contract in contracts(tier(network, name))} <= there
    }


def _serves(entry: Artifact, orientation: Orientation) -> bool:
    height, width = entry.frame.output_hw
    return height == width or entry.frame.orientation == orientation
