import itertools

import numpy as np
import pytest
import torch

from pocketmatte.mlprogram.operations.slicing import slice_by_index, slice_by_size, slice_update

X = torch.arange(2 * 3 * 6).reshape(2, 3, 6).float()
BOUNDS = (-9, -6, -4, -1, 0, 2, 5, 6, 9)


@pytest.mark.parametrize("stride", [1, 2, 5, -1, -3])
def test_a_slice_is_pythons(stride: int) -> None:
    x = X[0, 0]
    for begin, end in itertools.product(BOUNDS, BOUNDS):
        found = slice_by_index(x, (begin,), (end,), (stride,))
        assert found.tolist() == x.tolist()[begin:end:stride]


@pytest.mark.parametrize("stride", [1, 2, -1, -4])
def test_a_mask_leaves_out_a_bound(stride: int) -> None:
    x = X[0, 0]
    from_edge = slice_by_index(x, (2,), (3,), (stride,), begin_mask=(True,))
    assert from_edge.tolist() == x.tolist()[:3:stride]
    to_edge = slice_by_index(x, (2,), (3,), (stride,), end_mask=(True,))
    assert to_edge.tolist() == x.tolist()[2::stride]
    both = slice_by_index(x, (2,), (3,), (stride,), begin_mask=(True,), end_mask=(True,))
    assert both.tolist() == x.tolist()[::stride]


def test_dimensions_are_sliced_each_for_itself() -> None:
    found = slice_by_index(
        X, (1, -1, 1), (2, 0, 6), (1, -1, 2), (False, False, True), (True, False, False)
    )
    assert np.array_equal(found.numpy(), X.numpy()[1:, -1:0:-1, :6:2])


def test_an_index_takes_its_dimension_away() -> None:
    kept = (False, False, False)
    found = slice_by_index(X, (-1, 0, 4), (0, 3, 0), squeeze_mask=(True, False, True))
    assert np.array_equal(found.numpy(), X.numpy()[-1, :, 4])
    scalar = slice_by_index(X, (1, 2, 3), (0, 0, 0), squeeze_mask=(True, True, True))
    assert scalar.shape == ()
    assert float(scalar) == float(X[1, 2, 3])
    first = slice_by_index(X, (1, 0, 0), (2, 3, 6), (), (True, *kept[1:]), kept, (True, *kept[1:]))
    assert np.array_equal(first.numpy(), X.numpy()[0])


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_beyond_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match=f"index {index} of 3"):
        slice_by_index(X[0], (index, 0), (0, 6), squeeze_mask=(True, False))


def test_bounds_for_other_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="3, 3, 2, 3, 3, 3, 3 numbers for 3 dimensions"):
        slice_by_index(X, (0, 0, 0), (1, 1))
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        slice_by_index(X[0, 0], (0,), (3,), (0,))


@pytest.mark.parametrize("stride", [1, 3, -1, -2])
def test_an_update_is_written_where_a_slice_would_read(stride: int) -> None:
    begin, end = ((1, 5) if stride > 0 else (5, 0)), (2, 3, 6)
    expected = X.numpy().copy()
    update = torch.full(expected[:, 1:3, begin[0] : begin[1] : stride].shape, 0.5).cumsum(dim=2)
    expected[:, 1:3, begin[0] : begin[1] : stride] = update.numpy()
    before = X.clone()
    found = slice_update(
        X, update, (0, 1, begin[0]), (end[0], end[1], begin[1]), (1, 1, stride)
    )  # fmt: skip
    assert np.array_equal(found.numpy(), expected)
    assert torch.equal(X, before)
    read = slice_by_index(found, (0, 1, begin[0]), (2, 3, begin[1]), (1, 1, stride))
    assert torch.equal(read, update)


def test_an_update_at_an_index_lacks_its_dimension() -> None:
    update = torch.tensor([[-1.0, -2.0, -3.0]]).expand(2, 3)
    found = slice_update(X, update, (0, 0, -1), (2, 3, 0), squeeze_mask=(False, False, True))
    expected = X.numpy().copy()
    expected[:, :, -1] = update.numpy()
    assert np.array_equal(found.numpy(), expected)


def test_an_update_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an update of \(3,\) where \(2,\) is"):
        slice_update(X[0, 0], torch.zeros(3), (0,), (2,))
    with pytest.raises(ValueError, match=r"an update of \(1,\) where \(2,\) is"):
        slice_update(X[0, 0], torch.zeros(1), (0,), (2,))


def test_a_size_of_minus_1_takes_all_that_are_left() -> None:
    found = slice_by_size(X, (1, -2, 2), (1, 2, -1))
    assert np.array_equal(found.numpy(), X.numpy()[1:2, 1:3, 2:])
    assert slice_by_size(X[0, 0], (6,), (0,)).shape == (0,)


@pytest.mark.parametrize(("begin", "size"), [(5, 2), (-7, 1), (0, -2), (7, -1)])
def test_a_size_beyond_is_refused(begin: int, size: int) -> None:
    with pytest.raises(ValueError, match="values from"):
        slice_by_size(X[0, 0], (begin,), (size,))
