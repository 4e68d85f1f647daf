"""Rules on convolutions and pooling."""

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import (
    DESIGN,
    ENGINE_RULES,
    LANES,
    OPERATIONS,
    PITFALLS,
    UNSUPPORTED_LAYERS,
)
from pocketmatte.lint.subject import Subject, result_shape
from pocketmatte.lint.words import kinds, listed
from pocketmatte.mlprogram.program import Operation, Reference

_CONVOLUTIONS = frozenset({"conv", "conv_transpose"})
_POOLS = frozenset({"avg_pool", "max_pool", "l2_pool"})
_KERNEL_WIDTH = 13
_LARGE_KERNEL = 9  # Apple's example of one that is two of 5
_DILATION = 3  # larger ones are chains of 2 and 3
_LANES = 16
_EVEN_STRIDES = frozenset({1, 2, 3, 4, 6, 8, 9, 12, 16, 24, 32})
_BESIDE_TWO = frozenset({1, 2, 3, 4, 8, 9})
_POOL_STRIDES = frozenset({1, 2, 4})


def kernel_width(subject: Subject) -> Found | None:
    """Find kernels wider than the engine takes."""
    operations = subject.those(lambda each: _kernel(subject, each)[-1:] > (_KERNEL_WIDTH,))
    shown = listed([_sizes(_kernel(subject, each)) for each in operations])
    return found(operations, f"kernels of {shown}; {_KERNEL_WIDTH} is the widest in fp16 on an M1")


def dynamic_weights(subject: Subject) -> Found | None:
    """Find convolutions of several pictures by weights that are computed."""

    def concerned(operation: Operation) -> bool:
        weights = operation.inputs.get("weight", ())
        computed = any(
            isinstance(each, Reference) and not subject.is_constant(each.name) for each in weights
        )
        return operation.kind in _CONVOLUTIONS and computed and (_x(subject, operation)[:1] > (1,))

    operations = subject.those(concerned)
    return found(operations, f"{kinds(operations)} of more than 1 picture by computed weights")


def large_kernels(subject: Subject) -> Found | None:
    """Find kernels that Apple advises to take apart."""
    operations = subject.those(lambda each: max(_kernel(subject, each), default=0) >= _LARGE_KERNEL)
    shown = listed([_sizes(_kernel(subject, each)) for each in operations])
    return found(operations, f"kernels of {shown}; {_LARGE_KERNEL} is large")


def strides(subject: Subject) -> Found | None:
    """Find convolutions whose strides the engine takes apart."""

    def concerned(operation: Operation) -> bool:
        steps = _integers(subject, operation, "strides")
        if operation.kind not in _CONVOLUTIONS or max(steps, default=1) <= 2:
            return False
        if len(set(steps)) == 1:
            return steps[0] not in _EVEN_STRIDES
        return 2 not in steps or not set(steps) <= _BESIDE_TWO

    operations = subject.those(concerned)
    shown = listed([_sizes(_integers(subject, each, "strides")) for each in operations])
    return found(operations, f"strides of {shown}")


def dilations(subject: Subject) -> Found | None:
    """Find convolutions of large dilation."""
    operations = subject.those(
        lambda each: (
            each.kind in _CONVOLUTIONS
            and max(_integers(subject, each, "dilations"), default=1) > _DILATION
        )
    )
    most = max((max(_integers(subject, each, "dilations")) for each in operations), default=0)
    return found(
        operations, f"{kinds(operations)} dilated by up to {most}; up to {_DILATION} is cheap"
    )


def pool_strides(subject: Subject) -> Found | None:
    """Find pooling by strides that cost."""
    operations = subject.those(
        lambda each: (
            each.kind in _POOLS and not set(_integers(subject, each, "strides")) <= _POOL_STRIDES
        )
    )
    found_strides = dict.fromkeys(
        _sizes(_integers(subject, each, "strides")) for each in operations
    )
    return found(operations, f"{kinds(operations)} by strides of {listed([*found_strides])}")


def odd_channels(subject: Subject) -> Found | None:
    """Find convolutions whose channels do not fill the engine's lanes."""

    def concerned(operation: Operation) -> bool:
        before, after = _x(subject, operation), result_shape(operation) or ()
        channels = (*before[1:2], *after[1:2])
        return operation.kind in _CONVOLUTIONS and any(size % _LANES for size in channels)

    operations = subject.those(concerned)
    return found(operations, f"{kinds(operations)} from or to channels of no multiple of {_LANES}")


def _x(subject: Subject, operation: Operation) -> tuple[int, ...]:
    return subject.shape(operation, "x") or ()


def _kernel(subject: Subject, operation: Operation) -> tuple[int, ...]:
    weight = subject.shape(operation, "weight") or ()
    return weight[2:] if operation.kind in _CONVOLUTIONS else ()


def _integers(subject: Subject, operation: Operation, parameter: str) -> tuple[int, ...]:
    return tuple(int(each) for each in subject.numbers(operation, parameter))


def _sizes(numbers: tuple[int, ...]) -> str:
    return "x".join(map(str, numbers))


RULES: tuple[Rule, ...] = (
    Rule(
        name="kernel-width",
        severity="error",
        meaning=f"a convolution's kernel is wider than {_KERNEL_WIDTH}",
        mend="two narrower kernels, one behind the other",
        sources=(DESIGN, OPERATIONS),
        check=kernel_width,
        cuts=True,
    ),
    Rule(
        name="dynamic-weights",
        severity="error",
        meaning="a convolution of more than 1 picture by weights that are computed",
        mend="one picture at a time, or a product of matrices",
        sources=(PITFALLS,),
        check=dynamic_weights,
        cuts=True,
    ),
    Rule(
        name="large-kernels",
        severity="warning",
        meaning=f"a convolution's kernel has a side of {_LARGE_KERNEL} or more",
        mend="two smaller kernels, one behind the other; takes training",
        sources=(ENGINE_RULES,),
        check=large_kernels,
    ),
    Rule(
        name="strides",
        severity="warning",
        meaning="a stride above 2 with other factors than 2 and 3, or unequal ones without a 2",
        mend="equal strides of factors 2 and 3; takes training",
        sources=(ENGINE_RULES,),
        check=strides,
    ),
    Rule(
        name="dilations",
        severity="warning",
        meaning=f"a convolution dilated by more than {_DILATION}",
        mend="a chain of dilations 2 and 3; takes training",
        sources=(ENGINE_RULES, UNSUPPORTED_LAYERS),
        check=dilations,
    ),
    Rule(
        name="pool-strides",
        severity="hint",
        meaning="pooling by strides other than 1, 2 and 4, as in means of tiles; a small cost",
        mend="tiles of 2 or 4 where the sides divide by them",
        sources=(ENGINE_RULES,),
        check=pool_strides,
    ),
    Rule(
        name="odd-channels",
        severity="hint",
        meaning=f"a convolution from or to channels of no multiple of {_LANES}, as in small tiers",
        mend=f"channels of multiples of {_LANES}, where a tier is free to have them",
        sources=(DESIGN, LANES),
        check=odd_channels,
    ),
)
