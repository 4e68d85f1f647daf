import pytest

from export.recipe import RECIPES, recipe
from tiers.errors import UnknownRecipeError
from tiers.ladder import LADDERS


def test_a_recipe_is_found_by_its_name() -> None:
    assert recipe("fp16") is RECIPES["fp16"]
    assert recipe("fp16").dtype == "float16"


def test_every_tier_asks_for_a_recipe_that_exists() -> None:
    assert {row.recipe for rows in LADDERS.values() for row in rows.values()} <= set(RECIPES)


def test_an_unknown_recipe_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownRecipeError, match="no recipe 'int3'; there are fp32, fp16"):
        recipe("int3")
