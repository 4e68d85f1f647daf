"""What to build: a part of the matrix of tiers, formats and recipes."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

from export.mlpackage import images
from export.own_states import keeps_own_states
from export.recipe import recipe as recipe_of
from export.targets import makeable, target
from tiers.contract import ProgramContract
from tiers.contract_table import PROGRAMS, contracts
from tiers.errors import UsageError
from tiers.ladder import tier as tier_of
from tiers.spec import Orientation, TierSpec

_IMAGES = "coreml-image"
_STATES = "coreml-stateful"
_EXECUTORCH = "executorch"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to build.

    Attributes:
        network: Name of the network.
        tiers: Tier names.
        formats: Keys of ``export.targets.TARGETS``.
        recipes: Keys of ``export.recipe.RECIPES``.
        orientation: Of the frames.
        weights: A weight file, or ``None`` for the shipped ones.
        programs: Names of programs, or ``None`` for all of the network's.
    """

    network: str
    tiers: tuple[str, ...]
    formats: tuple[str, ...]
    recipes: tuple[str, ...]
    orientation: Orientation = "landscape"
    weights: Path | None = None
    programs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse names that do not exist and formats that cannot be made here.

        Raises:
            UsageError: If a name is unknown; the message lists the known ones.
            RuntimeUnavailableError: If this machine lacks a library that a format is written with.
        """
        for name in self.tiers:
            tier_of(self.network, name)
        for name in self.formats:
            makeable(name)
        for name in self.recipes:
            recipe_of(name)
        for name in self.programs or ():
            if name not in PROGRAMS[self.network]:
                listed = ", ".join(PROGRAMS[self.network])
                msg = f"no program {name!r}; {self.network} has {listed}"
                raise UsageError(msg)

    @property
    def rows(self) -> list[TierSpec]:
        """The tiers, oriented."""
        return [tier_of(self.network, name).oriented(self.orientation) for name in self.tiers]

    def captures(self) -> Iterator[tuple[TierSpec, str, ProgramContract]]:
        """Yield row, recipe and program of every capture, in build order."""
        for row, recipe in itertools.product(self.rows, self.recipes):
            for contract in contracts(row):
                if self.programs is None or contract.name in self.programs:
                    yield row, recipe, contract

    def paths(self) -> list[str]:
        """Return where the artifacts lie in their bundle, in build order."""
        return [
            artifact_path(row, contract.name, recipe, form)
            for row, recipe, contract in self.captures()
            for form in self.forms(row, recipe, contract)
        ]

    def forms(self, row: TierSpec, recipe: str, contract: ProgramContract) -> tuple[str, ...]:
        """Return the formats that a capture is written in.

        Images need a picture, and Core ML's own states half precision and states that no other
        program of the network takes. XNNPACK has no convolution that rounds weights alone, and the
        other variants of Core ML files are written in floating point.
        """
        held = recipe_of(recipe)
        half = held.dtype == "float16"
        left_out = set()
        if not held.floating:
            left_out.add(_IMAGES)
        if held.eight_bit == "weights":
            left_out.add(_EXECUTORCH)
        if not images(contract):
            left_out.add(_IMAGES)
        if not half or not keeps_own_states(contract, contracts(row)):
            left_out.add(_STATES)
        return tuple(form for form in self.formats if form not in left_out)


def artifact_path(spec: TierSpec, program: str, recipe: str, form: str) -> str:
    """Return where an artifact lies in its bundle, which may hold both orientations."""
    held = "-portrait" if spec.orientation == "portrait" else ""
    return f"{spec.network}/{spec.name}/{program}-{recipe}{held}{target(form).suffix}"
