"""A pytest plugin that makes a few operations wrong by a little, to show that the tests see it."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor

from pocketmatte.mlprogram import evaluate
from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations import OPERATIONS, activation, convolution


def _relu(x: Tensor) -> Tensor:
    return x.clamp(min=-0.01)


def _softmax(x: Tensor, axis: int = -1) -> Tensor:
    return activation.softmax(x, axis) * 0.99


def _matmul(
    x: Tensor,
    y: Tensor,
    context: Context,
    transpose_x: bool = False,
    transpose_y: bool = False,
) -> Tensor:
    return convolution.matmul(x, y, context, transpose_x, not transpose_y)


WRONG: Mapping[str, Compute] = MappingProxyType(
    {"relu": _relu, "softmax": _softmax, "matmul": _matmul}
)


def pytest_configure() -> None:
    """Give the evaluator the wrong operations."""
    vars(evaluate)["OPERATIONS"] = MappingProxyType({**OPERATIONS, **WRONG})
