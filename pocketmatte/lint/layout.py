"""Rules on how tensors lie: four dimensions, pixels last, whole rows."""

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.macs import COUNTED
from pocketmatte.lint.sources import ENGINE_RULES, TRANSFORMERS
from pocketmatte.lint.subject import Subject, result_shape, results
from pocketmatte.lint.words import kinds
from pocketmatte.mlprogram.program import Operation

_ROW = 32  # elements of half precision in the 64 bytes that rows are padded to


def layout(subject: Subject) -> Found | None:
    """Find convolutions and products of tensors that have other than four dimensions."""
    operations = subject.those(
        lambda operation: (
            operation.kind in COUNTED
            and any(len(kind.shape) != 4 and not kind.variadic for kind in results(operation))
        )
    )
    return found(operations, f"{kinds(operations)} with results of other than 4 dimensions")


def moved_rows(subject: Subject) -> Found | None:
    """Find reshapes and transposes that change the last dimension."""

    def concerned(operation: Operation) -> bool:
        if operation.kind == "transpose":
            order = subject.numbers(operation, "perm")
            return order[-1:] not in {(), (-1,), (len(order) - 1,)}
        before, after = subject.shape(operation, "x"), result_shape(operation)
        return operation.kind == "reshape" and (before or ())[-1:] != (after or ())[-1:]

    operations = subject.those(concerned)
    return found(operations, f"{kinds(operations)} that change the last dimension, each a copy")


def narrow_rows(subject: Subject) -> Found | None:
    """Find convolutions and products whose rows do not fill 64 bytes."""

    def concerned(operation: Operation) -> bool:
        row = (result_shape(operation) or ())[-1:]
        return operation.kind in COUNTED and any(size % _ROW for size in row)

    operations = subject.those(concerned)
    return found(
        operations,
        f"{kinds(operations)} with rows of no multiple of {_ROW} elements, padded unless they "
        "stay in the cache",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        name="layout",
        severity="warning",
        meaning="a convolution or product gives a tensor of other than 4 dimensions",
        mend="(B, C, 1, S) tensors; attention as einsum bchq,bkhc->bkhq",
        sources=(TRANSFORMERS, ENGINE_RULES),
        check=layout,
    ),
    Rule(
        name="moved-rows",
        severity="warning",
        meaning="a reshape or transpose changes the last dimension",
        mend="keep the last dimension last: transpose_x and transpose_y of matmul, or einsum",
        sources=(ENGINE_RULES, TRANSFORMERS),
        check=moved_rows,
    ),
    Rule(
        name="narrow-rows",
        severity="hint",
        meaning=f"a convolution or product gives rows of no multiple of {_ROW} elements",
        mend=f"working widths of {_ROW} times the largest stride, where the sizes allow it",
        sources=(ENGINE_RULES,),
        check=narrow_rows,
    ),
)
