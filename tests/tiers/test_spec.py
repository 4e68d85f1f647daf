import dataclasses
import re
from typing import Any

import pytest

from tiers.rows.rvm import RvmShape
from tiers.spec import FULL_DEPTH, TierSpec

SPEC = TierSpec(
    network="rvm",
    name="t99",
    device_class="of a test",
    working_hw=(32, 48),
    output_hw=(64, 96),
    recipe="fp32",
    shape=RvmShape(),
    weights_of=None,
)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 0.0, "width is 0.0; it must lie in (0, 1]"),
        ("width", 1.25, "width is 1.25; it must lie in (0, 1]"),
        ("width", float("nan"), "width is nan; it must lie in (0, 1]"),
        ("depth", (1, 2, 3, 4, 2), "depth is (1, 2, 3, 4, 2); each entry must lie between 1 and"),
        ("depth", (1, 2, 3, 4, 2, 4), f"between 1 and that of {FULL_DEPTH}"),
        ("depth", (1, 0, 3, 4, 2, 3), f"between 1 and that of {FULL_DEPTH}"),
        ("aspp", 127, "aspp 127 and decoder (80, 40, 32, 16): the ConvGRU needs even channels"),
        ("decoder", (80, 41, 32, 16), "decoder (80, 41, 32, 16): the ConvGRU needs even channels"),
    ],
)
def test_a_shape_that_no_encoder_has_is_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RvmShape(**{field: value})


def test_the_block_without_a_state_may_have_odd_channels() -> None:
    assert RvmShape(decoder=(80, 40, 32, 15)).decoder[3] == 15


@pytest.mark.parametrize(
    ("working_hw", "message"),
    [
        ((30, 48), "working_hw is (30, 48); both sides must be multiples of 16"),
        ((32, 40), "working_hw is (32, 40); both sides must be multiples of 16"),
        ((0, 48), "working_hw is (0, 48); both sides must be multiples of 16"),
        ((32, -16), "working_hw is (32, -16); both sides must be multiples of 16"),
    ],
)
def test_a_working_size_off_the_stride_is_refused(
    working_hw: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        dataclasses.replace(SPEC, working_hw=working_hw)


@pytest.mark.parametrize("output_hw", [(96, 144), (64, 48), (65, 96), (16, 24), (256, 384)])
def test_an_output_size_off_the_grid_is_refused(output_hw: tuple[int, int]) -> None:
    message = f"output_hw is {output_hw}; it must be (32, 48) times 1, 2 or 4"
    with pytest.raises(ValueError, match=re.escape(message)):
        dataclasses.replace(SPEC, output_hw=output_hw)


@pytest.mark.parametrize(
    ("output_hw", "ratio"), [((32, 48), 1), ((64, 96), 0.5), ((128, 192), 0.25)]
)
def test_the_ratio_is_working_size_over_output_size(
    output_hw: tuple[int, int], ratio: float
) -> None:
    assert dataclasses.replace(SPEC, output_hw=output_hw).ratio == ratio


def test_turning_a_row_swaps_the_sides_and_nothing_else() -> None:
    assert SPEC.orientation == "landscape"
    assert SPEC.oriented("landscape") is SPEC
    portrait = SPEC.oriented("portrait")
    assert portrait == dataclasses.replace(SPEC, working_hw=(48, 32), output_hw=(96, 64))
    assert portrait.orientation == "portrait"
    assert portrait.oriented("landscape") == SPEC


def test_a_row_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.name = "t00"  # type: ignore[misc]
