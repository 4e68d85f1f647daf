import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.filling import (
    band_part,
    fill,
    fill_like,
    one_hot,
    pad,
    range_1d,
)
from pocketmatte.mlprogram.program import Named, Operation
from pocketmatte.mlprogram.types import FP16, FP32, INT32, Element, TensorType


def counting(*sizes: int) -> Tensor:
    return torch.arange(np.prod(sizes, dtype=int)).reshape(sizes).float()


def ranged(given: list[Tensor], element: Element) -> Tensor:
    """Return the range of end, start and step where that element type is declared."""
    named = Named(name="range", type=TensorType(element=element, shape=(None,)))
    operation = Operation(kind="range_1d", inputs={}, attributes={}, outputs=(named,), blocks=())
    end, start, step = given
    context = Context(opset=7, operation=operation, run=lambda _, values: values)
    return range_1d(end, start, step, context)


@pytest.mark.parametrize(
    ("mode", "numpys"), [("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge")]
)
@pytest.mark.parametrize("borders", [(1, 2), (2, 1, 4, 0), (1, 0, 2, 2, 3, 1, 0, 4), (0, 0), ()])
def test_a_border_is_numpys(mode: str, numpys: str, borders: tuple[int, ...]) -> None:
    x = counting(2, 3, 4, 5)
    around = [(0, 0)] * (4 - len(borders) // 2)
    around += list(zip(borders[::2], borders[1::2], strict=True))
    expected = np.pad(x.numpy(), around, mode=numpys)  # type: ignore[call-overload]
    assert np.array_equal(pad(x, borders, mode).numpy(), expected)


def test_a_border_has_its_value() -> None:
    assert pad(counting(2), (1, 2), constant_val=torch.tensor(-7.5)).tolist() == [
        -7.5, 0, 1, -7.5, -7.5,
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "limit"), [("reflect", 3), ("replicate", 4)])
def test_a_border_is_as_large_as_its_mode_allows(mode: str, limit: int) -> None:
    assert pad(counting(4), (limit, limit), mode).shape == (4 + 2 * limit,)
    with pytest.raises(ValueError, match=f"mode {mode!r} allows {limit}"):
        pad(counting(4), (0, limit + 1), mode)


@pytest.mark.parametrize("borders", [(1,), (-1, 0), (1, 1, 1, 1)])
def test_borders_that_do_not_fit_are_refused(borders: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="round 1 dimensions"):
        pad(counting(4), borders)


def test_a_border_of_no_known_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode 'symmetric' is not known here"):
        pad(counting(4), (1, 1), "symmetric")


@pytest.mark.parametrize("value", [2.5, 3, True])
def test_a_tensor_is_filled_with_a_value_of_its_kind(value: float) -> None:
    given = torch.tensor(value)
    found = fill((2, 3), given)
    assert (found.dtype, found.tolist()) == (given.dtype, [[value] * 3] * 2)
    like = fill_like(torch.zeros(3, dtype=torch.int32), given)
    assert (like.dtype, like.tolist()) == (given.dtype, [value] * 3)


def test_a_tensor_is_filled_with_real_zeros_unless_told() -> None:
    for found in (fill((2,)), fill_like(torch.ones(2, dtype=torch.int32))):
        assert (found.dtype, found.tolist()) == (torch.float32, [0.0, 0.0])


@pytest.mark.parametrize(
    ("start", "end", "step"), [(0, 5, 1), (2, 11, 3), (5, -1, -2), (3, 3, 1), (0, -3, 1)]
)
def test_a_range_is_pythons(start: int, end: int, step: int) -> None:
    whole = [torch.tensor(each, dtype=torch.int32) for each in (end, start, step)]
    found = ranged(whole, INT32)
    assert (found.dtype, found.tolist()) == (torch.int32, list(range(start, end, step)))
    real = ranged([each.float() for each in whole], FP32)
    assert (real.dtype, real.tolist()) == (torch.float32, list(range(start, end, step)))


def test_a_range_is_as_long_as_its_declared_type_makes_it() -> None:
    end, start, step = (torch.tensor(each) for each in (0.6, 0.0, 0.2))
    assert float(end.double() / step.double()) > 3  # beyond what single precision sees
    found = ranged([end, start, step], FP32)
    assert np.allclose(found.numpy(), [0.0, 0.2, 0.4])
    halves = [torch.tensor(each) for each in (2049.0, 0.0, 512.0)]
    assert ranged(halves, FP32).tolist() == [0, 512, 1024, 1536, 2048]
    assert ranged(halves, FP16).tolist() == [0, 512, 1024, 1536]


@pytest.mark.parametrize("kind", [INT32, FP32])
def test_a_range_without_a_step_is_refused(kind: Element) -> None:
    given = [torch.tensor(each, dtype=kind.held) for each in (3, 0, 0)]
    with pytest.raises(ValueError, match=r"zero|in steps of 0\.0"):
        ranged(given, kind)


def test_a_band_keeps_some_diagonals() -> None:
    x = counting(2, 3, 5) + 1
    assert np.array_equal(band_part(x, 0, -1).numpy(), np.triu(x.numpy()))
    assert np.array_equal(band_part(x, -1, 0).numpy(), np.tril(x.numpy()))
    assert np.array_equal(band_part(x, 1, 2).numpy(), np.triu(np.tril(x.numpy(), 2), -1))
    assert torch.equal(band_part(x), x)
    truths = torch.ones(2, 2, dtype=torch.bool)
    assert band_part(truths, 0, 0).tolist() == [[True, False], [False, True]]


def test_a_vector_is_hot_where_its_index_says() -> None:
    indices = torch.tensor([[1, 0], [2, 3]], dtype=torch.int32)
    found = one_hot(indices, 3)
    assert found.dtype == torch.int32
    assert found.tolist() == [[[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 0]]]
    assert torch.equal(one_hot(indices, 3, axis=0), found.permute(2, 0, 1))
    assert torch.equal(one_hot(indices, 3, axis=-2), found.permute(0, 2, 1))
    assert torch.equal(one_hot(indices, 3, axis=2), found)


def test_a_vector_has_its_own_values_of_hot_and_cold() -> None:
    on, off = torch.tensor(2.5), torch.tensor(-1.0)
    assert one_hot(torch.tensor(1), 3, on_value=on, off_value=off).tolist() == [-1, 2.5, -1]
