import math
from collections.abc import Callable

import pytest
import torch

from pocketmatte.mlprogram.operations.unary import OPERATIONS, absolute, exp2, sign

ANYWHERE = (-2.5, -0.5, 0.0, 0.3, 1.0, 2.5)
WITHIN_ONE = (-0.9, -0.5, 0.0, 0.3, 0.75)
POSITIVE = (0.0, 0.3, 1.0, 2.5, 1e4)


@pytest.mark.parametrize(
    ("kind", "function", "values"),
    [
        ("abs", abs, ANYWHERE),
        ("acos", math.acos, WITHIN_ONE),
        ("asin", math.asin, WITHIN_ONE),
        ("atan", math.atan, ANYWHERE),
        ("atanh", math.atanh, WITHIN_ONE),
        ("ceil", math.ceil, ANYWHERE),
        ("cos", math.cos, ANYWHERE),
        ("cosh", math.cosh, ANYWHERE),
        ("erf", math.erf, ANYWHERE),
        ("exp", math.exp, ANYWHERE),
        ("exp2", lambda value: 2**value, ANYWHERE),
        ("floor", math.floor, ANYWHERE),
        ("sign", lambda value: (value > 0) - (value < 0), ANYWHERE),
        ("sin", math.sin, ANYWHERE),
        ("sinh", math.sinh, ANYWHERE),
        ("sqrt", math.sqrt, POSITIVE),
        ("tan", math.tan, ANYWHERE),
    ],
)
def test_every_function_is_the_one_of_its_name(
    kind: str, function: Callable[[float], float], values: tuple[float, ...]
) -> None:
    x = torch.tensor(values)
    found = OPERATIONS[kind](x)
    expected = torch.tensor([function(value) for value in x.tolist()], dtype=torch.float32)
    assert isinstance(found, torch.Tensor)
    assert torch.allclose(found, expected, atol=1e-6, rtol=1e-6)


def test_integers_stay_integers() -> None:
    x = torch.tensor([-3, 0, 5], dtype=torch.int32)
    for found, expected in ((absolute(x), [3, 0, 5]), (sign(x), [-1, 0, 1]), (exp2(x), [0, 1, 32])):
        assert not found.is_floating_point()
        assert found.tolist() == expected


def test_a_power_of_2_that_32_bits_do_not_hold_is_not_cut_to_them() -> None:
    assert exp2(torch.tensor([31], dtype=torch.int32)).tolist() == [1 << 31]
