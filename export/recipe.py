"""Precision recipes: what the suffix of an artifact's name means."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from tiers.errors import UnknownRecipeError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One way to hold a program's numbers.

    Attributes:
        name: As in an artifact's file name.
        dtype: Element type of every input and output, and of every weight and intermediate tensor
            that is not in eight bits.
        meaning: One phrase for people.
        eight_bit: What of the convolutions is in eight bits; see ``quantise``.
    """

    name: str
    dtype: Literal["float32", "float16"]
    meaning: str
    eight_bit: Literal["nothing", "weights", "weights and activations"] = "nothing"

    @property
    def floating(self) -> bool:
        """Whether nothing is in eight bits."""
        return self.eight_bit == "nothing"


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        row.name: row
        for row in (
            Recipe(name="fp32", dtype="float32", meaning="single precision, the reference"),
            Recipe(name="fp16", dtype="float16", meaning="half precision throughout"),
            Recipe(
                name="w8",
                dtype="float32",
                meaning="eight-bit weights of convolutions",
                eight_bit="weights",
            ),
            Recipe(
                name="w8a8",
                dtype="float32",
                meaning="eight-bit weights and activations of convolutions, but of those kept",
                eight_bit="weights and activations",
            ),
        )
    }
)

FLOATING = tuple(row.name for row in RECIPES.values() if row.floating)


def recipe(name: str) -> Recipe:
    """Return one recipe.

    Raises:
        UnknownRecipeError: If there is no such recipe; the message lists those there are.
    """
    try:
        return RECIPES[name]
    except KeyError:
        msg = f"no recipe {name!r}; there are {', '.join(RECIPES)}"
        raise UnknownRecipeError(msg) from None
