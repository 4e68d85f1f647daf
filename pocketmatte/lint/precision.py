"""Rules on element types: the engine computes in 16 bits."""

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import (
    DESIGN,
    ENGINE_RULES,
    HALF_INTERFACE,
    HALF_LOGARITHMS,
    IMAGE_SCALE,
    NUMERICS,
    SOFTPLUS,
    TYPED_EXECUTION,
)
from pocketmatte.lint.subject import Subject, results, tensor_type
from pocketmatte.lint.words import kinds, listed, some
from pocketmatte.mlprogram.program import Operation
from pocketmatte.mlprogram.types import FP16, TensorType

_BITS = 16
_EXP_LARGEST = 11.09  # the logarithm of 65504, fp16's largest value
_LOGARITHMIC = frozenset(
    {"exp", "exp2", "log", "softplus", "softplus_parametric", "reduce_log_sum",
     "reduce_log_sum_exp"}
)  # fmt: skip


def wide_floats(subject: Subject) -> Found | None:
    """Find operations that take or give floats of more than 16 bits; casts between are none."""

    def concerned(operation: Operation) -> bool:
        types = (*results(operation), *subject.computed(operation))
        return operation.kind != "cast" and any(_wide(each, "float") for each in types)

    operations = subject.those(concerned)
    return found(
        operations, f"{kinds(operations)} in more than {_BITS} bits; the engine computes in {_BITS}"
    )


def integers(subject: Subject) -> Found | None:
    """Find operations that give integers of more than 16 bits."""
    operations = subject.those(
        lambda operation: any(_wide(each, "int") for each in results(operation))
    )
    return found(
        operations, f"{kinds(operations)} in more than {_BITS} bits; the engine has int8 and int16"
    )


def wide_interface(subject: Subject) -> Found | None:
    """Find inputs and outputs of more than 16 bits of a program that computes in 16."""
    if not any(kind.element == FP16 for each in subject.operations for kind in results(each)):
        return None
    names = tuple(
        named.name
        for named in (*subject.function.inputs, *subject.outputs)
        if named.name not in subject.images
        and (kind := tensor_type(named.type)) is not None
        and _wide(kind, "float")
    )
    message = f"{some(len(names), 'tensor')} of more than {_BITS} bits: {listed(names)}"
    return found(subject.touching(names), message, names)


def half_range(subject: Subject) -> Found | None:
    """Find exponentials and logarithms in half precision."""
    operations = subject.those(
        lambda operation: (
            operation.kind in _LOGARITHMIC
            and any(kind.element == FP16 for kind in results(operation))
        )
    )
    return found(operations, f"{kinds(operations)} in fp16; exp overflows above {_EXP_LARGEST}")


def _wide(kind: TensorType, what: str) -> bool:
    return kind.element.kind == what and kind.element.bits > _BITS


RULES: tuple[Rule, ...] = (
    Rule(
        name="wide-floats",
        severity="error",
        meaning="an operation other than a cast takes or gives fp32 or fp64",
        mend="build with the fp16 recipe; scale images by an fp16 operation of the program's own",
        sources=(TYPED_EXECUTION, ENGINE_RULES, IMAGE_SCALE),
        check=wide_floats,
        cuts=True,
    ),
    Rule(
        name="integers",
        severity="warning",
        meaning="an operation gives integers of more than 16 bits",
        mend="fold shapes and indices into constants, or compute them in fp16",
        sources=(ENGINE_RULES, DESIGN),
        check=integers,
    ),
    Rule(
        name="wide-interface",
        severity="warning",
        meaning="an input or output that is no image is fp32 while the program computes in fp16",
        mend="declare float16 inputs and outputs (iOS 16): no cast and no copy in each run",
        sources=(HALF_INTERFACE,),
        check=wide_interface,
    ),
    Rule(
        name="half-range",
        severity="warning",
        meaning="an exponential, a logarithm or a softplus in fp16",
        mend="bound what goes in, or write it with softmax or sigmoid",
        sources=(NUMERICS, HALF_LOGARITHMS, SOFTPLUS),
        check=half_range,
    ),
)
