"""Hold every function of a model to every rule."""

import dataclasses
from pathlib import Path

from pocketmatte.lint import (
    compression,
    convolutions,
    flexibility,
    interface,
    islands,
    layout,
    operations,
    precision,
    shapes,
)
from pocketmatte.lint.finding import SEVERITIES, Finding, Found, Rule
from pocketmatte.lint.macs import macs
from pocketmatte.lint.subject import Subject, subject
from pocketmatte.mlprogram.program import Function, Model
from pocketmatte.mlprogram.read import read_package

RULES: tuple[Rule, ...] = (
    *precision.RULES,
    *shapes.RULES,
    *flexibility.RULES,
    *interface.RULES,
    *operations.RULES,
    *convolutions.RULES,
    *layout.RULES,
    *compression.RULES,
    *islands.RULES,
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Linted:
    """What a function breaks.

    Attributes:
        function: Its name.
        opset: ``CoreML6`` for iOS 16 and so on.
        operation_count: Of its operations, without constants.
        macs: Multiply-accumulates of one run, as far as shapes tell.
        uncounted: How many operations have multiply-accumulates that a run decides.
        findings: The worst first, then those that concern most multiply-accumulates.
    """

    function: str
    opset: str
    operation_count: int
    macs: int
    uncounted: int
    findings: tuple[Finding, ...]


def lint_package(path: Path) -> tuple[Linted, ...]:
    """Lint every function of an ``.mlpackage``.

    Raises:
        BundleError: If it cannot be read.
    """
    return lint_model(read_package(path))


def lint_model(model: Model) -> tuple[Linted, ...]:
    """Lint every function of a model."""
    images = frozenset(each.name for each in (*model.inputs, *model.outputs) if each.image)
    return tuple(
        lint_function(each, images if each.name == model.default else frozenset())
        for each in model.functions.values()
    )


def lint_function(function: Function, images: frozenset[str] = frozenset()) -> Linted:
    """Lint one function.

    Args:
        function: The function.
        images: Names of its inputs and outputs that an app sees as images.
    """
    taken_apart = subject(function, images)
    counts = {id(each): macs(taken_apart, each) for each in taken_apart.operations}
    known_counts = {key: count for key, count in counts.items() if count is not None}
    total = sum(known_counts.values())

    def share(found: Found) -> float | None:
        concerned = sum(known_counts.get(id(each), 0) for each in found.operations)
        return concerned / total if total else None

    findings = [
        Finding(
            rule=rule.name,
            severity=rule.severity,
            message=found.message,
            operation_count=len(found.operations),
            operations=tuple(each.name for each in found.operations),
            tensors=found.tensors,
            mac_share=share(found),
            mend=rule.mend,
            sources=rule.sources,
        )
        for rule, found in _broken(taken_apart)
    ]
    findings.sort(key=lambda each: (SEVERITIES.index(each.severity), -(each.mac_share or 0.0)))
    return Linted(
        function=function.name,
        opset=function.opset,
        operation_count=len(taken_apart.operations),
        macs=total,
        uncounted=len(counts) - len(known_counts),
        findings=tuple(findings),
    )


def _broken(taken_apart: Subject) -> list[tuple[Rule, Found]]:
    """Return the rules that are broken; those of what leaves the engine are asked first."""
    cutting = _ask([rule for rule in RULES if rule.cuts], taken_apart)
    leaving = frozenset(id(each) for _, found in cutting for each in found.operations)
    rest = [rule for rule in RULES if not rule.cuts]
    return cutting + _ask(rest, dataclasses.replace(taken_apart, leaving=leaving))


def _ask(rules: list[Rule], taken_apart: Subject) -> list[tuple[Rule, Found]]:
    asked = ((rule, rule.check(taken_apart)) for rule in rules)
    return [(rule, found) for rule, found in asked if found is not None]
