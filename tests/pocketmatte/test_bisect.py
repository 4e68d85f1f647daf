from collections.abc import Collection, Mapping

import numpy as np
import pytest

from pocketmatte.bisect import first_parting
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import BundleError


class Chain:
    """A program of many values, each the one before plus 1; from ``wrong`` on they are off."""

    def __init__(self, count: int, wrong: int | None = None, until: int | None = None) -> None:
        self.count, self.wrong, self.until = count, wrong, until
        self.asked: list[int] = []

    @property
    def kinds(self) -> Mapping[str, str]:
        return {f"v{index}": "add" for index in range(self.count)}

    def run(
        self, inputs: Mapping[str, FloatArray], wanted: Collection[str]
    ) -> dict[str, FloatArray]:
        self.asked.append(len(wanted))
        return {name: self.value(int(name[1:])) + inputs["x"] for name in wanted}

    def value(self, index: int) -> FloatArray:
        end = self.count if self.until is None else self.until
        off = self.wrong is not None and self.wrong <= index < end
        return np.array([index + 1 + (0.5 * (index + 1) if off else 0)], np.float32)


INPUTS = {"x": np.zeros(1, np.float32)}


@pytest.mark.parametrize("wrong", [0, 1, 31, 32, 333, 998, 999])
def test_the_first_wrong_value_is_named_whichever_it_is(wrong: int) -> None:
    candidate = Chain(1000, wrong)
    found = first_parting(Chain(1000), candidate, INPUTS, 0.1)
    assert found.first is not None
    assert (found.first.name, found.values) == (f"v{wrong}", 1000)
    assert found.first.relative == pytest.approx(0.5)
    assert (found.before.name if found.before else None) == (f"v{wrong - 1}" if wrong else None)
    assert max(candidate.asked) <= 32


def test_programs_that_agree_do_not_part() -> None:
    found = first_parting(Chain(1000), Chain(1000), INPUTS, 0.1)
    assert (found.first, found.largest) == (None, 0)


def test_a_difference_that_reaches_the_output_is_found_where_it_begins_again() -> None:
    class Twice(Chain):
        def value(self, index: int) -> FloatArray:
            off = index == 100 or index >= 700
            return np.array([index + 1 + (index + 1 if off else 0)], np.float32)

    found = first_parting(Chain(1000), Twice(1000), INPUTS, 0.1)
    assert found.first is not None
    assert found.first.name == "v700"


def test_a_value_that_is_not_finite_parts() -> None:
    class Infinite(Chain):
        def value(self, index: int) -> FloatArray:
            return np.array([np.inf if index >= 20 else index + 1], np.float32)

    found = first_parting(Chain(40), Infinite(40), INPUTS, 0.1)
    assert found.first is not None
    assert (found.first.name, found.first.relative) == ("v20", np.inf)


def test_a_reference_that_is_not_finite_agrees_with_nothing() -> None:
    class Infinite(Chain):
        def value(self, index: int) -> FloatArray:
            return np.array([np.inf if index >= 20 else index + 1], np.float32)

    found = first_parting(Infinite(40), Infinite(40), INPUTS, 0.1)
    assert found.first is not None
    assert (found.first.name, found.first.relative) == ("v20", np.inf)


def test_programs_without_a_common_value_are_refused() -> None:
    class Other(Chain):
        @property
        def kinds(self) -> Mapping[str, str]:
            return {"w": "mul"}

    with pytest.raises(BundleError, match="no value of the same name"):
        first_parting(Chain(3), Other(3), INPUTS, 0.1)
