"""What a rule is, what it finds, and who says so."""

import dataclasses
from collections.abc import Callable
from typing import Literal, TypeAlias

from pocketmatte.lint.subject import Subject
from pocketmatte.mlprogram.program import Operation

Severity: TypeAlias = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a rule comes from.

    Attributes:
        kind: How far to trust it: ``Apple``'s own word, a ``report`` on a public tracker, an
            engineer's ``observation``, or what was ``reverse-engineered``.
        title: Short.
        url: Where to read it.
    """

    kind: Literal["Apple", "report", "observation", "reverse-engineered"]
    title: str
    url: str

    def __str__(self) -> str:
        return self.title if self.kind in {"Apple", "report"} else f"{self.title} ({self.kind})"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Where a program breaks a rule.

    Attributes:
        message: With the value and the limit.
        operations: Those concerned.
        tensors: Those concerned, by name, where the rule is about tensors.
    """

    message: str
    operations: tuple[Operation, ...] = ()
    tensors: tuple[str, ...] = ()


def found(
    operations: tuple[Operation, ...], message: str, tensors: tuple[str, ...] = ()
) -> Found | None:
    """Return what was found, nothing where no operation and no tensor is concerned."""
    if not operations and not tensors:
        return None
    return Found(message=message, operations=operations, tensors=tensors)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        name: Of the rule.
        severity: ``error``: known to leave the engine or to fail there; ``warning``: costs or
            risks something; ``hint``: worth knowing.
        meaning: What it looks for, with its limit.
        mend: What to do about it.
        sources: Who says so.
        check: Finds it.
        cuts: Whether what it finds runs elsewhere while the rest may stay on the engine.
    """

    name: str
    severity: Severity
    meaning: str
    mend: str
    sources: tuple[Source, ...]
    check: Callable[[Subject], Found | None]
    cuts: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A rule that a function breaks.

    Attributes:
        rule: The rule's name.
        severity: The rule's.
        message: With the value and the limit.
        operation_count: Of operations concerned.
        operations: Their names.
        tensors: Names of tensors concerned.
        mac_share: 0..1 of the function's counted multiply-accumulates, those in the operations
            concerned; ``None`` where nothing was counted.
        mend: What to do about it.
        sources: Who says so.
    """

    rule: str
    severity: Severity
    message: str
    operation_count: int
    operations: tuple[str, ...]
    tensors: tuple[str, ...]
    mac_share: float | None
    mend: str
    sources: tuple[Source, ...]
