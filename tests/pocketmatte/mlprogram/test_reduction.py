from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.operations.reduction import (
    OPERATIONS,
    cumsum,
    reduce_argmax,
    reduce_argmin,
    reduce_l2_norm,
    reduce_log_sum,
    reduce_log_sum_exp,
    reduce_mean,
    reduce_sum,
    reduce_sum_square,
)

X = torch.randn((2, 3, 4, 5), generator=torch.Generator().manual_seed(0)) * 1.9

# What each gives of the list of values that it reduces.
OF_LIST: dict[str, Callable[[np.ndarray], float]] = {
    "reduce_sum": lambda values: sum(values.tolist()),
    "reduce_mean": lambda values: sum(values.tolist()) / len(values),
    "reduce_prod": lambda values: np.exp(np.log(np.abs(values)).sum()) * np.sign(values).prod(),
    "reduce_max": lambda values: sorted(values.tolist())[-1],
    "reduce_min": lambda values: sorted(values.tolist())[0],
    "reduce_l1_norm": lambda values: sum(abs(value) for value in values.tolist()),
    "reduce_l2_norm": lambda values: sum(value**2 for value in values.tolist()) ** 0.5,
    "reduce_sum_square": lambda values: sum(value**2 for value in values.tolist()),
    "reduce_log_sum": lambda values: np.log(sum(values.tolist())),
    "reduce_log_sum_exp": lambda values: np.log(sum(np.exp(value) for value in values)),
}


def given(name: str) -> Tensor:
    return X.abs() if name == "reduce_log_sum" else X


def reduced(name: str, x: Tensor, axes: tuple[int, ...]) -> np.ndarray:
    """Return the reduction with every dimension kept, one list of values at a time."""
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    expected = np.empty(shape)
    for place in np.ndindex(shape):
        picked = tuple(slice(None) if axis in axes else at for axis, at in enumerate(place))
        expected[place] = OF_LIST[name](x.double().numpy()[picked].reshape(-1))
    return expected


@pytest.mark.parametrize("axes", [(0,), (1,), (2, 3), (0, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("name", OF_LIST)
def test_a_reduction_is_that_of_every_list_of_values(name: str, axes: tuple[int, ...]) -> None:
    expected = reduced(name, given(name), axes)
    kept = OPERATIONS[name](given(name), axes=axes, keep_dims=True)
    assert isinstance(kept, Tensor)
    assert kept.shape == expected.shape
    assert np.allclose(kept.numpy(), expected, rtol=1e-5, atol=1e-5)
    gone = OPERATIONS[name](given(name), axes=axes)
    assert isinstance(gone, Tensor)
    assert gone.shape == tuple(size for axis, size in enumerate(X.shape) if axis not in axes)
    assert torch.equal(gone.flatten(), kept.flatten())


@pytest.mark.parametrize("name", OF_LIST)
def test_without_axes_everything_is_reduced(name: str) -> None:
    found = OPERATIONS[name](given(name))
    assert isinstance(found, Tensor)
    assert found.shape == ()
    expected = reduced(name, given(name), (0, 1, 2, 3)).item()
    assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_axes_count_from_the_end_in_any_order() -> None:
    assert torch.equal(reduce_sum(X, axes=(-1, 1)), reduce_sum(X, axes=(1, 3)))
    assert reduce_sum(X, axes=(-1, 1)).shape == (2, 4)


def test_no_axis_at_all_reduces_nothing() -> None:
    assert torch.equal(reduce_sum(X, axes=()), X)
    assert torch.equal(reduce_sum_square(X, axes=()), X * X)


def test_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="axis 4 of 4 dimensions"):
        reduce_sum(X, axes=(4,))


def test_integers_stay_integers_and_lose_their_fraction() -> None:
    x = torch.tensor([[-1, -2, -2], [1, 2, 2]], dtype=torch.int32)
    assert reduce_mean(x, axes=(1,)).tolist() == [-1, 1]
    assert reduce_l2_norm(x, axes=(0,)).tolist() == [1, 2, 2]
    assert int(reduce_log_sum(x[1], axes=(0,))) == 1
    assert not reduce_mean(x).is_floating_point()
    large = torch.tensor([60_000, 60_000], dtype=torch.int32)
    assert int(reduce_sum_square(large)) == 7_200_000_000


def test_the_logarithm_of_no_integers_is_refused() -> None:
    with pytest.raises(ValueError, match="no integer holds the result"):
        reduce_log_sum(torch.zeros(3, dtype=torch.int32))


def test_exponentials_beyond_single_precision_are_summed() -> None:
    found = reduce_log_sum_exp(torch.tensor([1000.0, 1000.0, -1000.0]))
    assert float(found) == pytest.approx(1000 + np.log(2), rel=1e-6)


def test_the_place_of_an_extreme_is_that_of_the_first_of_several() -> None:
    x = torch.tensor([[3.0, 7.0, 7.0], [5.0, 1.0, 1.0]])
    assert reduce_argmax(x).tolist() == [1, 0]
    assert reduce_argmin(x, keep_dims=True).tolist() == [[0], [1]]
    assert reduce_argmax(x, axis=0, output_dtype="uint16").tolist() == [1, 0, 0]
    assert reduce_argmin(x, axis=-2).tolist() == [0, 1, 1]


def test_indices_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="indices of type 'int64' are not known here"):
        reduce_argmax(X, output_dtype="int64")
    with pytest.raises(ValueError, match="indices of type 'fp32' are not known here"):
        reduce_argmin(X, output_dtype="fp32")


@pytest.mark.parametrize(
    ("exclusive", "reverse", "expected"),
    [
        (False, False, [1, 3, 6, 10]),
        (True, False, [0, 1, 3, 6]),
        (False, True, [10, 9, 7, 4]),
        (True, True, [9, 7, 4, 0]),
    ],
)
def test_a_running_sum(exclusive: bool, reverse: bool, expected: list[int]) -> None:
    x = torch.tensor([[1, 2, 3, 4], [2, 4, 6, 8]], dtype=torch.int32)
    found = cumsum(x, axis=-1, exclusive=exclusive, reverse=reverse)
    assert found.tolist() == [expected, [2 * value for value in expected]]
    real = cumsum(x.float(), axis=1, exclusive=exclusive, reverse=reverse)
    assert real.tolist() == [expected, [2 * value for value in expected]]


def test_a_running_sum_goes_along_the_first_dimension_unless_told() -> None:
    assert cumsum(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[1, 2], [4, 6]]


def test_an_exclusive_sum_is_that_before_it_however_large_the_value() -> None:
    x = torch.tensor([1.0, 1e8, 1.0])
    assert cumsum(x, exclusive=True).tolist() == [0.0, 1.0, 1e8]
