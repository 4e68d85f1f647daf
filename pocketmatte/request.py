"""What to build: a part of the matrix of tiers, formats and recipes."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

from export.mlpackage import images
from export.recipe import recipe as recipe_of
from export.targets import target
from tiers.contract import ProgramContract
from tiers.contract_table import PROGRAMS, contracts
from tiers.errors import UsageError
from tiers.ladder import tier as tier_of
from tiers.spec import Orientation, TierSpec

_IMAGES = "coreml-image"


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
        """Refuse names that do not exist.

        Raises:
            UsageError: If a name is unknown; the message lists the known ones.
        """
        for name in self.tiers:
            tier_of(self.network, name)
        for name in self.formats:
            target(name)
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
            for form in self.forms(contract)
        ]

    def forms(self, contract: ProgramContract) -> tuple[str, ...]:
        """Return the formats that ``contract`` is written in: images need a picture."""
        return tuple(form for form in self.formats if form != _IMAGES or images(contract))


def artifact_path(spec: TierSpec, program: str, recipe: str, form: str) -> str:
    """Return where an artifact lies in its bundle, which may hold both orientations."""
    held = "-portrait" if spec.orientation == "portrait" else ""
    return f"{spec.network}/{spec.name}/{program}-{recipe}{held}{target(form).suffix}"
