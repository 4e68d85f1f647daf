"""What coremltools itself computes of constants, where it does."""

from typing import Any

import numpy as np
import pytest
import torch

from export.quiet import quiet
from pocketmatte.mlprogram.binding import bound
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations import OPERATIONS
from pocketmatte.mlprogram.program import Named, Operation
from pocketmatte.mlprogram.types import FP32, TensorType, Value

with quiet():
    import coremltools as ct
    from coremltools.converters.mil.mil import Builder, Function

X = np.random.default_rng(3).normal(size=(2, 3, 4)).astype(np.float32)
WHOLE = np.random.default_rng(4).integers(-9, 9, size=(3, 4)).astype(np.int32)
PLACES = np.array([[2, 0, 1, 1], [0, 2, 2, 0]], dtype=np.int32)
NONE = [False, False, False]
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "l1_norm", "l2_norm", "sum_square")

CASES: list[tuple[str, dict[str, Any]]] = [
    *((f"reduce_{name}", {"x": X, "axes": [0, -1]}) for name in REDUCTIONS),
    *((f"reduce_{name}", {"x": WHOLE, "axes": [1], "keep_dims": True}) for name in REDUCTIONS),
    ("reduce_log_sum", {"x": np.abs(X), "axes": [1]}),
    ("reduce_log_sum_exp", {"x": X * 90, "axes": [-1], "keep_dims": True}),
    ("reduce_argmax", {"x": X, "axis": 1}),
    ("reduce_argmin", {"x": X, "axis": -1, "keep_dims": True}),
    ("cumsum", {"x": X, "axis": 2, "reverse": True}),
    ("reshape", {"x": X, "shape": [0, -1]}),
    ("reshape", {"x": X, "shape": [3, 0, 2, -1]}),
    ("transpose", {"x": X, "perm": [-1, 0, 1]}),
    ("expand_dims", {"x": X, "axes": [-1, 1]}),
    ("squeeze", {"x": X[:1, :, :1], "axes": [0, -1]}),
    ("squeeze", {"x": X[:1, :, :1]}),
    ("flatten2d", {"x": X, "axis": -1}),
    ("shape", {"x": X}),
    ("identity", {"x": X}),
    ("concat", {"values": (X, X[:, :1]), "axis": -2}),
    ("stack", {"values": (X, X + 1), "axis": -1}),
    ("split", {"x": X, "split_sizes": [1, 3], "axis": 2}),
    ("split", {"x": X, "num_splits": 3, "axis": 1}),
    ("tile", {"x": X, "reps": [2, 1, 3]}),
    ("reverse", {"x": X, "axes": [0, -1]}),
    ("reverse", {"x": X}),
    ("slice_by_index", {"x": X, "begin": [-1, 2, 1], "end": [-2, 0, 9], "stride": [-1, -1, 2]}),
    (
        "slice_by_index",
        {
            "x": X,
            "begin": [1, 1, -2],
            "end": [0, 0, 0],
            "stride": [1, -1, 1],
            "begin_mask": [False, True, False],
            "end_mask": [False, True, False],
            "squeeze_mask": [True, False, True],
        },
    ),
    ("slice_by_size", {"x": X, "begin": [0, 1, -3], "size": [-1, 2, 2]}),
    ("slice_update", {"x": X, "update": X[:, :1, 1:3], "begin": [0, 2, 0], "end": [2, 3, 4],
                      "stride": [1, 1, 3]}),
    ("pad", {"x": X, "pad": [1, 0, 2, 1], "mode": "reflect"}),
    ("pad", {"x": X, "pad": [0, 2, 1, 3, 0, 1], "mode": "replicate"}),
    ("pad", {"x": X, "pad": [1, 2], "constant_val": np.float32(0.5)}),
    ("fill", {"shape": [2, 3], "value": np.float32(1.5)}),
    ("fill_like", {"ref_tensor": X, "value": np.int32(4)}),
    ("range_1d", {"end": np.int32(9), "start": np.int32(-2), "step": np.int32(4)}),
    ("range_1d", {"end": np.float32(1), "start": np.float32(0), "step": np.float32(0.25)}),
    ("band_part", {"x": X, "lower": 0, "upper": 1}),
    ("gather", {"x": X, "indices": PLACES, "axis": 1}),
    ("gather", {"x": X, "indices": PLACES, "axis": 2, "batch_dims": 1}),
    ("gather_along_axis", {"x": X[0], "indices": PLACES, "axis": 0}),
    ("scatter_along_axis", {"data": X[0], "indices": PLACES[:1], "updates": X[0, :1],
                            "axis": 0, "mode": "update"}),
    ("select", {"cond": X > 0, "a": X, "b": np.float32(0.25)}),
    ("non_zero", {"x": WHOLE // 5}),
    ("argsort", {"x": X, "axis": 1}),
    ("argsort", {"x": X, "ascending": True}),
    ("topk", {"x": X, "k": 2, "axis": -1}),
    ("topk", {"x": X, "k": 3, "axis": 1, "ascending": True, "return_indices": False}),
]  # fmt: skip


def values(given: Any) -> tuple[Value, ...]:
    """Return an argument as the evaluator hands it on."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, tuple):
        return tuple(torch.from_numpy(each) for each in given)
    array = np.asarray(given)
    array = array.astype(np.int32) if array.dtype == np.int64 else array
    return (torch.from_numpy(array.copy()),)


def theirs(kind: str, arguments: dict[str, Any]) -> list[np.ndarray]:
    with Function({}, opset_version=ct.target.iOS18):
        result = getattr(Builder, kind)(**arguments)
    results = result if isinstance(result, tuple | list) else [result]
    return [np.asarray(each.val) for each in results]


def ours(kind: str, arguments: dict[str, Any]) -> list[torch.Tensor]:
    named = Named(name="found", type=TensorType(element=FP32, shape=(), variadic=True))
    operation = Operation(kind=kind, inputs={}, attributes={}, outputs=(named,), blocks=())
    context = Context(opset=8, operation=operation, run=lambda _, given: given)
    given = {name: values(each) for name, each in arguments.items()}
    result = OPERATIONS[kind](**bound(OPERATIONS[kind], given, {Context: context}, kind))
    results = result if isinstance(result, tuple) else (result,)
    return [each for each in results if isinstance(each, torch.Tensor)]


@pytest.mark.parametrize(("kind", "arguments"), CASES)
def test_constants_give_what_coremltools_says(kind: str, arguments: dict[str, Any]) -> None:
    expected, found = theirs(kind, arguments), ours(kind, arguments)
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        assert mine.shape == other.shape
        assert mine.is_floating_point() == np.issubdtype(other.dtype, np.floating)
        assert np.allclose(mine.numpy(), other, rtol=1e-5, atol=1e-6)
