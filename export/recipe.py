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
        dtype: Element type of every input, output, weight and intermediate tensor.
        meaning: One phrase for people.
    """

    name: str
    dtype: Literal["float32", "float16"]
    meaning: str


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        row.name: row
        for row in (
            Recipe(name="fp32", dtype="float32", meaning="single precision, the reference"),
            Recipe(name="fp16", dtype="float16", meaning="half precision throughout"),
        )
    }
)


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
