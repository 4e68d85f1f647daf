import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.shaping import (
    concat,
    const,
    expand_dims,
    flatten2d,
    identity,
    reshape,
    reshape_like,
    reverse,
    reverse_sequence,
    shape,
    sliding_windows,
    split,
    squeeze,
    stack,
    tile,
    transpose,
)
from pocketmatte.mlprogram.program import Operation


def counting(*sizes: int) -> Tensor:
    return torch.arange(np.prod(sizes, dtype=int)).reshape(sizes).float()


def in_opset(number: int) -> Context:
    operation = Operation(kind="reshape", inputs={}, attributes={}, outputs=(), blocks=())
    return Context(opset=number, operation=operation, run=lambda _, values: values)


def scalars(*values: int) -> tuple[Tensor, ...]:
    return tuple(torch.tensor(value) for value in values)


def test_a_constant_and_an_identity_are_what_they_are_given() -> None:
    x = counting(2)
    assert const(x) is x
    assert const("same") == "same"
    assert identity([x]) == [x]


def test_a_shape_is_a_vector_of_integers() -> None:
    found = shape(counting(2, 3, 4))
    assert found.tolist() == [2, 3, 4]
    assert found.dtype == torch.int32
    assert shape(torch.tensor(1.0)).shape == (0,)


@pytest.mark.parametrize("opset", [5, 6, 7, 8])
@pytest.mark.parametrize(
    ("given", "expected"),
    [((6, 4), (6, 4)), ((-1, 4), (6, 4)), ((0, 0, 2), None), ((0, -1, 0), (2, 3, 4)),
     ((4, 0, 2), (4, 3, 2))],
)  # fmt: skip
def test_values_keep_their_order_in_another_shape(
    opset: int, given: tuple[int, ...], expected: tuple[int, ...] | None
) -> None:
    x = counting(2, 3, 4)
    if expected is None:
        with pytest.raises(RuntimeError, match="invalid for input of size 24"):
            reshape(x, given, in_opset(opset))
    else:
        found = reshape(x, given, in_opset(opset))
        assert np.array_equal(found.numpy(), x.numpy().reshape(expected))


def test_a_zero_in_a_longer_or_shorter_shape_counts_from_the_right_since_ios_17() -> None:
    assert reshape(counting(2, 50), (1, 0, -1, 0), in_opset(7)).shape == (1, 1, 2, 50)
    assert reshape(counting(2, 3, 4), (-1, 0), in_opset(8)).shape == (6, 4)
    assert reshape(counting(6, 1, 4), (6, 2, 0, -1), in_opset(7)).shape == (6, 2, 1, 2)


@pytest.mark.parametrize("opset", [5, 6])
def test_a_zero_in_a_longer_or_shorter_shape_is_refused_before_ios_17(opset: int) -> None:
    with pytest.raises(ValueError, match="a 0 in a shape of 4 dimensions, of 2"):
        reshape(counting(2, 50), (1, 0, -1, 0), in_opset(opset))


def test_a_shape_is_put_together_of_parts_of_others() -> None:
    references = (counting(2, 3, 4), counting(1, 5, 6))
    masks = (torch.tensor(False), torch.tensor(True))
    found = reshape_like(counting(30, 6), references, scalars(0, 1), scalars(2, 0), masks)
    assert torch.equal(found, counting(2, 3, 5, 6))


def test_dimensions_change_places() -> None:
    found = transpose(counting(2, 3, 4), (2, 0, -2))
    assert np.array_equal(found.numpy(), np.einsum("abc->cab", counting(2, 3, 4).numpy()))


@pytest.mark.parametrize(
    ("axes", "expected"),
    [((0,), (1, 2, 3)), ((-1,), (2, 3, 1)), ((3, 0), (1, 2, 3, 1)), ((-1, -2), (2, 3, 1, 1)),
     ((1, 2), (2, 1, 1, 3))],
)  # fmt: skip
def test_new_dimensions_are_counted_in_the_result(
    axes: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert expand_dims(counting(2, 3), axes).shape == expected


def test_a_new_dimension_beyond_the_result_is_refused() -> None:
    with pytest.raises(IndexError, match="axis 3 of 3 dimensions"):
        expand_dims(counting(2, 3), (3,))


@pytest.mark.parametrize(
    ("axes", "expected"),
    [(None, (2, 3)), ((0,), (2, 1, 3, 1)), ((-1, 0), (2, 1, 3)), ((0, 1), (2, 1, 3, 1)),
     ((), (1, 2, 1, 3, 1))],
)  # fmt: skip
def test_only_dimensions_of_size_1_go(
    axes: tuple[int, ...] | None, expected: tuple[int, ...]
) -> None:
    assert squeeze(counting(1, 2, 1, 3, 1), axes).shape == expected


@pytest.mark.parametrize(
    ("sizes", "axis", "expected"),
    [((3,), -1, (1, 3)), ((3,), 1, (3, 1)), ((4, 3), -1, (4, 3)), ((2, 3, 2), -1, (6, 2)),
     ((5, 5, 2), 1, (5, 10)), ((2, 3), 0, (1, 6))],
)  # fmt: skip
def test_a_tensor_is_flattened_on_both_sides_of_an_axis(
    sizes: tuple[int, ...], axis: int, expected: tuple[int, ...]
) -> None:
    assert torch.equal(flatten2d(counting(*sizes), axis), counting(*expected))


def test_tensors_follow_one_another_or_take_turns() -> None:
    first = torch.tensor([[1, 2], [3, 4], [5, 6]])
    second = first + 6
    assert concat((first, second), 0).tolist() == first.tolist() + second.tolist()
    turns = [[1, 2], [7, 8], [3, 4], [9, 10], [5, 6], [11, 12]]
    assert concat((first, second), 0, interleave=True).tolist() == turns
    columns = [[1, 7, 2, 8], [3, 9, 4, 10], [5, 11, 6, 12]]
    assert concat((first, second), -1, interleave=True).tolist() == columns


def test_scalars_join_to_a_vector() -> None:
    assert concat(scalars(4, 5, 6), 0).tolist() == [4, 5, 6]


def test_tensors_of_other_shapes_do_not_take_turns() -> None:
    with pytest.raises(RuntimeError, match="equal size"):
        concat((counting(2, 3), counting(1, 3)), 0, interleave=True)


def test_a_stack_has_a_dimension_of_its_own() -> None:
    x, y = counting(2, 3), counting(2, 3) + 6
    assert torch.equal(stack((x, y), 0), counting(2, 2, 3))
    assert stack((x, y), -1)[1, 2].tolist() == [5, 11]


def test_parts_are_equal_unless_sizes_are_given() -> None:
    x = counting(2, 6)
    assert [part.tolist() for part in split(x[0], 0, num_splits=3)] == [[0, 1], [2, 3], [4, 5]]
    parts = split(x, -1, num_splits=3, split_sizes=(1, 3, 2))
    assert [tuple(part.shape) for part in parts] == [(2, 1), (2, 3), (2, 2)]
    assert parts[2].tolist() == [[4, 5], [10, 11]]
    assert len(split(x, 1, split_sizes=(6,))) == 1


def test_parts_that_do_not_make_up_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="6 is not split into 4 equal parts"):
        split(counting(6), 0, num_splits=4)
    with pytest.raises(ValueError, match="6 is not split into None equal parts"):
        split(counting(6), 0)
    with pytest.raises(ValueError, match="3 parts of 2 sizes"):
        split(counting(6), 0, num_splits=3, split_sizes=(3, 3))
    with pytest.raises(RuntimeError, match="split_with_sizes"):
        split(counting(6), 0, split_sizes=(3, 2))


def test_a_tile_repeats_the_whole() -> None:
    assert tile(counting(2), (2,)).tolist() == [0, 1, 0, 1]
    assert torch.equal(tile(counting(1, 2), (3, 1)), counting(1, 2).expand(3, 2))
    with pytest.raises(ValueError, match="1 repetitions of 2 dimensions"):
        tile(counting(1, 2), (3,))


def test_back_to_front() -> None:
    x = counting(2, 3)
    assert reverse(x).tolist() == [[5, 4, 3], [2, 1, 0]]
    assert reverse(x, axes=(-1,)).tolist() == [[2, 1, 0], [5, 4, 3]]
    assert torch.equal(reverse(x, axes=()), x)


def test_every_sequence_is_turned_round_as_far_as_it_goes() -> None:
    x = counting(3, 4)
    found = reverse_sequence(x, (0, 3, 4), seq_axis=1, batch_axis=0)
    assert found.tolist() == [[0, 1, 2, 3], [6, 5, 4, 7], [11, 10, 9, 8]]
    assert torch.equal(x, counting(3, 4))
    deep = counting(2, 3, 2)
    turned = reverse_sequence(deep, (2, 3), seq_axis=1, batch_axis=-1).numpy()
    assert np.array_equal(turned[:, :2, 0], deep.numpy()[:, 1::-1, 0])
    assert np.array_equal(turned[:, 2, 0], deep.numpy()[:, 2, 0])
    assert np.array_equal(turned[:, :, 1], deep.numpy()[:, ::-1, 1])


def test_sequences_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="seq_axis and batch_axis are both 0"):
        reverse_sequence(counting(3, 4), (1, 2, 3))
    with pytest.raises(ValueError, match=r"lengths \(5, 1, 1\) of sequences of 4"):
        reverse_sequence(counting(3, 4), (5, 1, 1), seq_axis=1)
    with pytest.raises(ValueError, match="zip"):
        reverse_sequence(counting(3, 4), (1, 1), seq_axis=1)


def test_windows_lie_behind_their_axis() -> None:
    assert sliding_windows(counting(5), 0, 3).tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    x = counting(2, 7, 3)
    found = sliding_windows(x, -2, 3, stride=2)
    assert found.shape == (2, 3, 3, 3)
    for window in range(3):
        assert torch.equal(found[:, window], x[:, 2 * window : 2 * window + 3])
