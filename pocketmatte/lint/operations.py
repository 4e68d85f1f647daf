"""Rules on kinds of operations: which leave the engine, which cost on it."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import (
    ENGINE_RULES,
    GATHER_ON_CPU,
    OPERATIONS,
    PITFALLS,
    RESAMPLE_PLACE,
    TRANSFORMERS,
    UNSUPPORTED_LAYERS,
)
from pocketmatte.lint.subject import Subject, known, results
from pocketmatte.lint.words import kinds
from pocketmatte.mlprogram.operations import OPERATIONS as KNOWN
from pocketmatte.mlprogram.program import Operation

_NO_PATH = frozenset(
    {"scatter", "scatter_along_axis", "scatter_nd", "one_hot", "non_zero", "band_part",
     "reduce_prod", "mod", "shape", "sliding_windows", "reverse_sequence", "range_1d",
     "logical_and", "logical_or", "logical_xor", "gru", "lstm", "rnn", "cond", "while_loop",
     "tan", "asin", "acos", "atanh", "sinh", "cosh", "non_maximum_suppression",
     "random_bernoulli", "random_categorical", "random_normal",
     "make_list", "list_gather", "list_length", "list_read", "list_scatter", "list_write"}
)  # fmt: skip
_SINCE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("resample", "crop_resize", "affine", "topk", "argsort"), "M2"),
        **dict.fromkeys(("gather_nd",), "M2"),
        **dict.fromkeys(("sin", "cos", "reduce_argmin", "random_uniform"), "M3"),
    }
)
_RESIZES = frozenset(
    {"resize", "resize_bilinear", "resize_nearest_neighbor", "upsample_bilinear",
     "upsample_nearest_neighbor"}
)  # fmt: skip
_GATHERS = frozenset({"gather", "gather_along_axis"})
_LARGE_BYTES = 2 << 20


def no_engine_path(subject: Subject) -> Found | None:
    """Find operations that no engine runs."""
    operations = subject.those(lambda operation: operation.kind in _NO_PATH)
    return found(operations, f"{kinds(operations)}, for which no engine is known to have a path")


def unknown_operations(subject: Subject) -> Found | None:
    """Find operations of which nothing is known here."""
    operations = subject.those(lambda operation: operation.kind not in {*KNOWN, *_NO_PATH})
    return found(operations, f"{kinds(operations)}, of which nothing is known here")


def newer_engines(subject: Subject) -> Found | None:
    """Find operations that the M1's engine lacks."""
    operations = subject.those(lambda each: _since(subject, each) is not None)
    latest = max((_since(subject, each) or "" for each in operations), default="")
    return found(operations, f"{kinds(operations)}: an engine of the {latest} or later is needed")


def gathers(subject: Subject) -> Found | None:
    """Find gathers, which the M1's engine takes in few forms."""
    operations = subject.those(lambda operation: operation.kind in _GATHERS)
    return found(operations, f"{kinds(operations)}, seen on the CPU")


def offset_slices(subject: Subject) -> Found | None:
    """Find slices that begin inside a row."""

    def concerned(operation: Operation) -> bool:
        if operation.kind not in {"slice_by_index", "slice_by_size"}:
            return False
        begin = subject.numbers(operation, "begin")
        masked = subject.numbers(operation, "begin_mask")
        return any(begin[-1:]) and not any(masked[-1:])

    operations = subject.those(concerned)
    return found(
        operations, f"{kinds(operations)} from inside a row; above 4094 it is infinity on M1 and M2"
    )


def linear_layers(subject: Subject) -> Found | None:
    """Find linear layers."""
    operations = subject.those(lambda operation: operation.kind == "linear")
    return found(operations, f"{kinds(operations)}, which is taken apart before it is run")


def fused_attention(subject: Subject) -> Found | None:
    """Find attention as one operation."""
    operations = subject.those(lambda operation: operation.kind == "scaled_dot_product_attention")
    return found(operations, f"{kinds(operations)}, which the engine has no unit for")


def softmax_axis(subject: Subject) -> Found | None:
    """Find large softmaxes over rows or columns."""

    def concerned(operation: Operation) -> bool:
        if operation.kind != "softmax":
            return False
        (axis, *_) = subject.numbers(operation, "axis") or (-1.0,)
        shape = next((known(kind) for kind in results(operation)), None) or ()
        spatial = axis in {-1, -2, len(shape) - 1, len(shape) - 2}
        return spatial and 4 * math.prod(shape) > _LARGE_BYTES  # in and out, 2 bytes each

    operations = subject.those(concerned)
    return found(
        operations,
        f"{kinds(operations)} over rows or columns, more than {_LARGE_BYTES >> 20} MiB in and out",
    )


def software_resize(subject: Subject) -> Found | None:
    """Find resizes, which the M1's engine has no unit for."""
    operations = subject.those(lambda operation: operation.kind in _RESIZES)
    return found(operations, f"{kinds(operations)}, in software and rounded otherwise on an M1")


def _since(subject: Subject, operation: Operation) -> str | None:
    """Return the first Mac whose engine has an operation, if the M1's has not."""
    if operation.kind == "pad":
        mirrored = subject.text(operation, "mode") in {"reflect", "symmetric"}
        return "M2" if mirrored else None
    return _SINCE.get(operation.kind)


RULES: tuple[Rule, ...] = (
    Rule(
        name="no-engine-path",
        severity="error",
        meaning=f"what no engine runs: {', '.join(sorted(_NO_PATH))}",
        mend=(
            "products for reduce_prod and logical_and, maxima for logical_or, constants for "
            "one_hot, band_part and range_1d, convolutions for recurrent cells; or outside"
        ),
        sources=(OPERATIONS, UNSUPPORTED_LAYERS),
        check=no_engine_path,
        cuts=True,
    ),
    Rule(
        name="unknown-operations",
        severity="warning",
        meaning="an operation of which nothing is known here",
        mend="look it up, and add it to these rules",
        sources=(),
        check=unknown_operations,
    ),
    Rule(
        name="newer-engines",
        severity="warning",
        meaning=f"what the M1's engine lacks: {', '.join(sorted(_SINCE))}, mirrored pad",
        mend="write it with convolutions, slices and products where older devices matter",
        sources=(OPERATIONS, RESAMPLE_PLACE),
        check=newer_engines,
    ),
    Rule(
        name="gathers",
        severity="warning",
        meaning="gather or gather_along_axis",
        mend="slices by constants, or products with a mask",
        sources=(OPERATIONS, GATHER_ON_CPU, UNSUPPORTED_LAYERS),
        check=gathers,
    ),
    Rule(
        name="offset-slices",
        severity="warning",
        meaning="a slice whose last dimension begins after its start; on M1 and M2",
        mend="slice along channels, or keep what is sliced below 4094",
        sources=(PITFALLS,),
        check=offset_slices,
    ),
    Rule(
        name="linear-layers",
        severity="warning",
        meaning="a linear operation",
        mend="a 1x1 convolution",
        sources=(ENGINE_RULES, TRANSFORMERS),
        check=linear_layers,
    ),
    Rule(
        name="fused-attention",
        severity="warning",
        meaning="scaled_dot_product_attention",
        mend="each head by itself: einsum, softmax, einsum",
        sources=(ENGINE_RULES,),
        check=fused_attention,
    ),
    Rule(
        name="softmax-axis",
        severity="hint",
        meaning=f"a softmax over rows or columns, of more than {_LARGE_BYTES >> 20} MiB in and out",
        mend="over channels it can be split; XNNPACK, though, takes the last dimension alone",
        sources=(ENGINE_RULES,),
        check=softmax_axis,
    ),
    Rule(
        name="software-resize",
        severity="hint",
        meaning="a resize, as nearly every network of ours has; slower on the M1's engine",
        mend="none needed; a transposed convolution where an M1 matters",
        sources=(OPERATIONS,),
        check=software_resize,
    ),
)
