"""Rules on what is left to a run: shapes, sizes, offsets."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import (
    ENGINE_RULES,
    FLEXIBLE_INPUTS,
    LAYER_NORM_SHAPES,
    PITFALLS,
    QUESTIONS,
    RANGE_SHAPES,
)
from pocketmatte.lint.subject import Subject, known, results, tensor_type
from pocketmatte.lint.words import kinds, listed, some
from pocketmatte.mlprogram.program import Operation, Reference

# What a program of fixed shapes gives as constants. A state's slice_update is not among them: a
# cache is written at an offset that moves.
_FIXED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "reshape": ("shape",),
        "slice_by_index": ("begin", "end", "stride"),
        "slice_by_size": ("begin", "size"),
        "tile": ("reps",),
        "fill": ("shape",),
        "pad": ("pad",),
        "range_1d": ("start", "end", "step"),
        "resize": ("shape",),
        "resize_bilinear": ("target_size_height", "target_size_width"),
        "resize_nearest_neighbor": ("target_size_height", "target_size_width"),
        "upsample_bilinear": ("scale_factor_height", "scale_factor_width"),
        "upsample_nearest_neighbor": ("scale_factor_height", "scale_factor_width"),
        "topk": ("k",),
    }
)


def flexible_inputs(subject: Subject) -> Found | None:
    """Find inputs whose shape is known in a run only."""
    names = _flexible(subject)
    message = (
        f"{some(len(names), 'input')} of flexible shape: {listed(names)}; of a range, the engine "
        "takes the default shape alone"
    )
    operations = subject.those(lambda each: any(known(kind) is None for kind in results(each)))
    return found(operations, message, names) if names else None


def flexible_layer_norm(subject: Subject) -> Found | None:
    """Find layer normalisation in a program of flexible inputs."""
    operations = subject.those(lambda operation: operation.kind == "layer_norm")
    message = f"{some(len(operations), 'layer_norm')} behind inputs of flexible shape"
    return found(operations, message) if _flexible(subject) else None


def dynamic_parameters(subject: Subject) -> Found | None:
    """Find operations whose sizes or offsets are computed."""

    def concerned(operation: Operation) -> bool:
        return any(
            isinstance(each, Reference) and not subject.is_constant(each.name)
            for parameter in _FIXED.get(operation.kind, ())
            for each in operation.inputs.get(parameter, ())
        )

    operations = subject.those(concerned)
    return found(operations, f"{kinds(operations)} by sizes or offsets that are computed")


def _flexible(subject: Subject) -> tuple[str, ...]:
    return tuple(
        named.name
        for named in subject.function.inputs
        if (kind := tensor_type(named.type)) is not None and known(kind) is None
    )


RULES: tuple[Rule, ...] = (
    Rule(
        name="dynamic-parameters",
        severity="error",
        meaning="a reshape, slice, pad, tile, fill or resize by computed numbers",
        mend="export at fixed shapes, so that the numbers are constants",
        sources=(QUESTIONS, PITFALLS),
        check=dynamic_parameters,
        cuts=True,
    ),
    Rule(
        name="flexible-inputs",
        severity="warning",
        meaning="an input whose shape is a range, or enumerated",
        mend="fixed shapes, one function for each; else enumerated shapes, at most 128",
        sources=(RANGE_SHAPES, FLEXIBLE_INPUTS, ENGINE_RULES),
        check=flexible_inputs,
    ),
    Rule(
        name="flexible-layer-norm",
        severity="warning",
        meaning="a layer_norm in a program of flexible inputs",
        mend="fixed shapes",
        sources=(LAYER_NORM_SHAPES,),
        check=flexible_layer_norm,
    ),
)
