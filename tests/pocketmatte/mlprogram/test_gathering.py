from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.gathering import (
    gather,
    gather_along_axis,
    gather_nd,
    scatter,
    scatter_along_axis,
    scatter_nd,
)
from pocketmatte.mlprogram.program import Operation

GENERATOR = np.random.default_rng(5)
UPDATES: dict[str, Callable[[float, float], float]] = {
    "update": lambda _, new: new,
    "add": lambda old, new: old + new,
    "sub": lambda old, new: old - new,
    "mul": lambda old, new: old * new,
    "div": lambda old, new: old / new,
    "max": max,
    "min": min,
}


def in_opset(number: int) -> Context:
    operation = Operation(kind="gather", inputs={}, attributes={}, outputs=(), blocks=())
    return Context(opset=number, operation=operation, run=lambda _, values: values)


def counting(*sizes: int) -> Tensor:
    return torch.arange(np.prod(sizes, dtype=int)).reshape(sizes).float()


def indices(high: int, *sizes: int) -> Tensor:
    return torch.from_numpy(GENERATOR.integers(0, high, sizes).astype(np.int32))


def real(*sizes: int) -> Tensor:
    return torch.from_numpy(GENERATOR.uniform(0.5, 2.0, sizes).astype(np.float32))


IOS15, IOS17 = in_opset(5), in_opset(7)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("sizes", [(), (4,), (2, 3), (0,)])
def test_slices_come_from_their_indices(axis: int, sizes: tuple[int, ...]) -> None:
    x, where = counting(2, 3, 4), indices(2, *sizes)
    found = gather(x, where, IOS17, axis=axis)
    assert np.array_equal(found.numpy(), np.take(x.numpy(), where.numpy(), axis=axis))


def test_each_of_a_batch_has_its_own_indices() -> None:
    x, where = counting(2, 3, 4, 5), indices(4, 2, 3, 6)
    found = gather(x, where, IOS17, axis=2, batch_dims=2)
    assert found.shape == (2, 3, 6, 5)
    for first, second, at in np.ndindex(2, 3, 6):
        expected = x[first, second, int(where[first, second, at])]
        assert torch.equal(found[first, second, at], expected)
    later = gather(x, indices(5, 2, 6, 7), IOS17, axis=-1, batch_dims=1)
    assert later.shape == (2, 3, 4, 6, 7)


def test_a_batch_gathers_behind_dimensions_of_its_own() -> None:
    x, where = counting(2, 3, 4), torch.tensor([[0, 3], [2, 2]], dtype=torch.int32)
    found = gather(x, where, IOS17, axis=2, batch_dims=1)
    assert torch.equal(found, torch.stack([x[0][:, [0, 3]], x[1][:, [2, 2]]]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_every_place_has_its_own_index(axis: int) -> None:
    x = counting(3, 4, 5)
    where = indices(3, *[2 if at == axis % 3 else size for at, size in enumerate(x.shape)])
    found = gather_along_axis(x, where, IOS17, axis=axis)
    expected = np.take_along_axis(x.numpy(), where.numpy().astype(np.int64), axis)
    assert np.array_equal(found.numpy(), expected)


def test_indices_along_an_axis_have_the_other_dimensions() -> None:
    with pytest.raises(ValueError, match=r"indices of \(2, 4\) along axis 0 of \(3, 5\)"):
        gather_along_axis(counting(3, 5), indices(3, 2, 4), IOS17)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_points_are_in_the_last_dimension(depth: int) -> None:
    x, where = counting(2, 3, 4), indices(2, 5, 2, depth)
    found = gather_nd(x, where, IOS17)
    assert found.shape == (5, 2, *x.shape[depth:])
    for place in np.ndindex(5, 2):
        assert torch.equal(found[place], x[tuple(where[place].tolist())])


def test_points_within_each_of_a_batch() -> None:
    x, where = counting(2, 3, 4, 5), indices(3, 2, 6, 2)
    found = gather_nd(x, where, IOS17, batch_dims=1)
    assert found.shape == (2, 6, 5)
    for batch, at in np.ndindex(2, 6):
        row, column = where[batch, at].tolist()
        assert torch.equal(found[batch, at], x[batch, row, column])


def test_more_indices_than_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="3 indices into 2 dimensions"):
        gather_nd(counting(2, 2), indices(2, 4, 3), IOS17)


@pytest.mark.parametrize("mode", UPDATES)
def test_slices_are_updated_one_after_the_other(mode: str) -> None:
    data, where, updates = real(3, 4, 2), indices(4, 9), real(3, 9, 2)
    expected = data.double().numpy().copy()
    for at, index in enumerate(where.tolist()):
        for row, column in np.ndindex(3, 2):
            old, new = expected[row, index, column], float(updates[row, at, column])
            expected[row, index, column] = UPDATES[mode](old, new)
    found = scatter(data, where, updates, IOS17, axis=-2, mode=mode)
    assert np.allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("mode", UPDATES)
def test_places_are_updated_one_after_the_other(mode: str) -> None:
    data, where, updates = real(3, 4), indices(3, 7, 4), real(7, 4)
    expected = data.double().numpy().copy()
    for row, column in np.ndindex(7, 4):
        place = int(where[row, column]), column
        expected[place] = UPDATES[mode](expected[place], float(updates[row, column]))
    found = scatter_along_axis(data, where, updates, IOS17, mode=mode)
    assert np.allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("mode", UPDATES)
def test_points_are_updated_one_after_the_other(mode: str) -> None:
    data, where, updates = real(3, 4, 2), indices(3, 5, 2, 2), real(5, 2, 2)
    expected = data.double().numpy().copy()
    for first, second, last in np.ndindex(5, 2, 2):
        place = (*where[first, second].tolist(), last)
        expected[place] = UPDATES[mode](expected[place], float(updates[first, second, last]))
    found = scatter_nd(data, where, updates, IOS17, mode=mode)
    assert np.allclose(found.numpy(), expected, rtol=1e-5)


def test_updates_are_added_unless_told_and_leave_their_source_alone() -> None:
    data, where = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([1, 0])
    updates = torch.tensor([[5, 6, 7], [8, 9, 10]])
    assert scatter(data, where, updates, IOS15).tolist() == [[9, 11, 13], [9, 11, 13]]
    assert data.tolist() == [[1, 2, 3], [4, 5, 6]]
    nothing = torch.tensor([], dtype=torch.int32)
    assert torch.equal(scatter(data, nothing, torch.empty(0, 3).long(), IOS15), data)


def test_integers_are_divided_without_their_fraction() -> None:
    found = scatter_nd(
        torch.tensor([-7, 9]), torch.tensor([[0], [1], [1]]), torch.tensor([2, 2, 3]), IOS17, "div"
    )
    assert found.tolist() == [-3, 1]


def test_the_last_of_several_updates_stays() -> None:
    where = torch.zeros(1000, dtype=torch.int32)
    found = scatter(torch.zeros(2), where, torch.arange(1000.0), IOS17, mode="update")
    assert found.tolist() == [999.0, 0.0]


def test_an_update_of_no_known_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode 'mean' is not known here"):
        scatter(counting(3), indices(3, 2), real(2), IOS17, mode="mean")


def test_updates_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"updates of \(1,\), where \(2,\) is wanted"):
        scatter(counting(3), indices(3, 2), real(1), IOS17)


X, MINUS = counting(3, 3), torch.tensor([-1, 0, -3], dtype=torch.int32)
READS: list[Callable[[Context, bool], Tensor]] = [
    lambda context, validate: gather(X, MINUS, context, axis=1, validate_indices=validate),
    lambda context, validate: gather_along_axis(
        X, MINUS.expand(3, 3), context, axis=1, validate_indices=validate
    ),
    lambda context, validate: gather_nd(
        X.T, MINUS[:, None], context, validate_indices=validate
    ).T,
    lambda context, validate: scatter(
        X * 0, MINUS, X, context, axis=1, validate_indices=validate
    ),
    lambda context, validate: scatter_along_axis(
        X * 0, MINUS.expand(3, 3), X, context, axis=1, validate_indices=validate
    ),
    lambda context, validate: scatter_nd(
        X * 0, MINUS[:, None], X.T, context, validate_indices=validate
    ).T,
]  # fmt: skip


@pytest.mark.parametrize("opset", [5, 6])
@pytest.mark.parametrize("read", READS[:3])
def test_negative_indices_count_from_the_end_before_ios_17(
    read: Callable[[Context, bool], Tensor], opset: int
) -> None:
    assert torch.equal(read(in_opset(opset), False), X[:, [2, 0, 0]])


@pytest.mark.parametrize("write", READS[3:])
def test_negative_indices_are_written_from_the_end_before_ios_17(
    write: Callable[[Context, bool], Tensor],
) -> None:
    expected = torch.stack([X[:, 1] + X[:, 2], torch.zeros(3), X[:, 0]], dim=1)
    assert torch.equal(write(IOS15, False), expected)


@pytest.mark.parametrize("opset", [7, 8])
@pytest.mark.parametrize(("validate", "why"), [(True, "is an error"), (False, "leaves undefined")])
@pytest.mark.parametrize("touch", READS)
def test_negative_indices_are_refused_since_ios_17(
    touch: Callable[[Context, bool], Tensor], validate: bool, why: str, opset: int
) -> None:
    with pytest.raises(IndexError, match=f"indices -3 to 0 are not within 0 to 2, which .*{why}"):
        touch(in_opset(opset), validate)


@pytest.mark.parametrize("context", [IOS15, IOS17])
@pytest.mark.parametrize("index", [3, -4])
def test_indices_beyond_are_refused(context: Context, index: int) -> None:
    with pytest.raises(IndexError, match=f"indices {index} to {index} are not within"):
        gather(X, torch.tensor(index), context)
    with pytest.raises(IndexError, match=f"indices {index} to {index} are not within"):
        scatter_nd(X, torch.tensor([[0, index]]), torch.tensor([1.0]), context)
