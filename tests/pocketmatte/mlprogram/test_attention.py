import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pocketmatte.mlprogram.operations.attention import einsum, scaled_dot_product_attention


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


QUERY, KEY, VALUE = drawn(2, 3, 5, 4), drawn(2, 3, 6, 4, seed=1), drawn(2, 3, 6, 7, seed=2)


def weighted(bias: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of values, written out row by row."""
    query, key, value = (each.numpy().astype(np.float64) for each in (QUERY, KEY, VALUE))
    result = np.zeros((2, 3, 5, 7))
    for place in np.ndindex(2, 3, 5):
        likeness = key[place[:2]] @ query[place] / 2 + bias[place]
        power = np.exp(likeness)
        result[place] = (power / power.sum()) @ value[place[:2]]
    return result


def test_values_are_weighted_by_likeness() -> None:
    found = scaled_dot_product_attention(QUERY, KEY, VALUE)
    assert np.allclose(found.numpy(), weighted(np.zeros((2, 3, 5, 6))), atol=1e-5)


def test_a_mask_of_numbers_is_added_to_the_likeness() -> None:
    mask = drawn(5, 6, seed=3)
    found = scaled_dot_product_attention(QUERY, KEY, VALUE, mask)
    bias = np.broadcast_to(mask.numpy().astype(np.float64), (2, 3, 5, 6))
    assert np.allclose(found.numpy(), weighted(bias), atol=1e-5)


def test_a_mask_of_truth_values_tells_what_takes_part() -> None:
    mask = torch.ones(2, 1, 1, 6, dtype=torch.bool)
    mask[1, ..., :4] = False
    found = scaled_dot_product_attention(QUERY, KEY, VALUE, mask)
    bias = np.where(np.broadcast_to(mask.numpy(), (2, 3, 5, 6)), 0, -np.inf)
    assert np.allclose(found.numpy(), weighted(bias), atol=1e-5)


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 3, 4, 5), (2, 5, 4, 6)), ((1, 3, 4, 5), (2, 5, 1, 6)), ((2, 3, 1, 5), (1, 5, 4, 6))],
)
def test_matrices_of_the_last_but_two_and_the_last_are_multiplied(
    x: tuple[int, ...], y: tuple[int, ...]
) -> None:
    first, second = drawn(*x), drawn(*y, seed=1)
    wide = (
        np.broadcast_to(first.numpy(), (2, 3, 4, 5)),
        np.broadcast_to(second.numpy(), (2, 5, 4, 6)),
    )
    found = einsum((first, second), "abcd,adce->abce")
    assert np.allclose(found.numpy(), np.einsum("nchw,nwhu->nchu", *wide), atol=1e-5)


def test_a_batch_may_be_missing() -> None:
    first, second = drawn(3, 4, 5), drawn(5, 4, 6, seed=1)
    expected = np.einsum("chw,whr->chr", first.numpy(), second.numpy())
    assert np.allclose(einsum((first, second), "chw,whr->chr").numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("equation", ["nchw,nwhu->nhcu", "nchw,nchw->nchw", "ab,bc->ac"])
def test_other_equations_are_refused(equation: str) -> None:
    with pytest.raises(ValueError, match=f"equation '{equation}' is not known here"):
        einsum((drawn(2, 2, 2, 2), drawn(2, 2, 2, 2)), equation)
