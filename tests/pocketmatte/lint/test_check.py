import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pocketmatte.lint.check import RULES, lint_function, lint_model
from pocketmatte.mlprogram.operations import OPERATIONS
from pocketmatte.mlprogram.program import (
    Block,
    Constant,
    Feature,
    Function,
    Model,
    Named,
    Operation,
    Reference,
)
from pocketmatte.mlprogram.types import FP16, INT32, ListType, OtherType, TensorType, Value

Program = Callable[[str], Function]

TWO_THIRDS = """
x: fp16[1, 16, 4, 32]; w: fp16[16, 16, 1, 1] = const(); v: fp16[16, 16, 1, 2] = const();
a: fp16[1, 16, 4, 32] = conv(x=x, weight=w); b: fp16[1, 16, 4, 32] = conv(x=a, weight=v, dilations=[1, 4]);
c: fp16[1, 16, 4, 32] = mod(x=b, y=b); d: int32[1, 16, 4, 32] = cast(x=c); return d
"""  # noqa: E501
ODD_VALUES: tuple[Value, ...] = (
    "text",
    torch.tensor([math.nan, math.inf]),
    torch.tensor(7),
    torch.zeros(0),
    [],
)
PARAMETERS = (
    "x", "y", "weight", "values", "query", "key", "value", "data", "scale", "lut", "indices",
    "strides", "dilations", "perm", "axis", "begin", "begin_mask", "shape", "mode", "equation",
    "transpose_x", "beta",
)  # fmt: skip


def test_findings_come_worst_first_with_their_share_of_multiply_accumulates(
    program: Program,
) -> None:
    linted = lint_function(program(TWO_THIRDS))
    assert (linted.function, linted.opset, linted.operation_count) == ("main", "CoreML6", 4)
    assert linted.macs == 4 * 32 * 16 * 16 * 3
    assert linted.uncounted == 0
    found = [(each.severity, each.rule) for each in linted.findings]
    assert found == [
        ("error", "no-engine-path"),
        ("warning", "dilations"),
        ("warning", "integers"),
        ("hint", "islands"),
    ]
    dilations = linted.findings[1]
    assert dilations.mac_share == pytest.approx(2 / 3)
    assert (dilations.operation_count, dilations.operations) == (1, ("b",))
    assert linted.findings[2].mac_share == 0
    assert dilations.mend == "a chain of dilations 2 and 3; takes training"
    assert "Apple" in {source.kind for source in dilations.sources}


def test_a_share_of_nothing_is_unknown(program: Program) -> None:
    x = "x: fp16[1, 16, 4, 32]; y: fp16[1, 16, 4, 32] = mod(x=x, y=x); return y"
    assert [each.mac_share for each in lint_function(program(x)).findings] == [None, None]
    open_ended = (
        "x: fp16[1, 16, None, 32]; w: fp16[16, 16, 1, 1] = const();"
        "y: fp16[1, 16, None, 32] = conv(x=x, weight=w); return y"
    )
    linted = lint_function(program(open_ended))
    assert (linted.macs, linted.uncounted) == (0, 1)


@pytest.mark.parametrize(
    ("kinds", "segments"),
    [
        ("relu mod relu", "2 others in 2 segments"),
        ("mod relu", "1 others in 1 segment"),
        ("relu relu mod", "2 others in 1 segment"),
        ("relu mod relu mod mod relu", "3 others in 3 segments"),
        ("mod mod", "0 others in 0 segments"),
    ],
)
def test_what_leaves_the_engine_cuts_a_chain_into_segments(
    program: Program, kinds: str, segments: str
) -> None:
    steps = [
        f"t{index + 1}: fp16[4] = {kind}(x=t{index})" for index, kind in enumerate(kinds.split())
    ]
    chain = program(f"t0: fp16[4]; {'; '.join(steps)}; return t{len(steps)}")
    (islands,) = (each for each in lint_function(chain).findings if each.rule == "islands")
    off = kinds.split().count("mod")
    noun = "operation" if off == 1 else "operations"
    assert islands.message == f"{off} {noun} known to leave the engine, {segments} on it"


def test_branches_beside_each_other_are_one_segment(program: Program) -> None:
    text = (
        "x: fp16[4]; a: fp16[4] = mod(x=x); b: fp16[4] = relu(x=x); c: fp16[4] = mod(x=x);"
        "d: fp16[4] = add(x=a, y=b); e: fp16[4] = add(x=d, y=c); return e"
    )
    (islands,) = (each for each in lint_function(program(text)).findings if each.rule == "islands")
    assert islands.message == "2 operations known to leave the engine, 3 others in 1 segment on it"


def test_operations_inside_of_others_are_linted_too(program: Program) -> None:
    inner = program("z: fp16[1, 1, 1, 32]; y: fp16[1, 1, 1, 32] = mod(x=z); return y").body
    inner = dataclasses.replace(
        inner, inputs=(Named(name="z", type=TensorType(element=FP16, shape=())),)
    )
    outer = program("x: fp16[1, 1, 1, 32]; y: fp16[1, 1, 1, 32] = cond(pred=x); return y")
    (cond,) = outer.body.operations
    body = dataclasses.replace(
        outer.body, operations=(dataclasses.replace(cond, blocks=(inner, inner)),)
    )
    linted = lint_function(dataclasses.replace(outer, body=body))
    assert linted.findings[0].message.startswith("2 mod, 1 cond")


def test_every_function_is_linted_and_images_are_those_of_the_default(program: Program) -> None:
    text = "x: fp16[1, 3, 4, 32]; y: fp16[1, 3, 4, 32] = sigmoid(x=x); return y"
    functions = {name: dataclasses.replace(program(text), name=name) for name in ("f", "g")}
    model = Model(
        functions=functions,
        default="g",
        inputs=(Feature(name="x", image=None),),
        outputs=(Feature(name="y", image="RGB"),),
        metadata={},
    )
    first, second = lint_model(model)
    assert (first.function, first.findings) == ("f", ())
    assert [each.rule for each in second.findings] == ["image-range"]


def nonsense(kind: str, value: Value | None) -> Function:
    """Return a program that asks for what is not there, or is given what makes no sense."""
    odd = TensorType(element=INT32, shape=(None, 3), variadic=True)
    inputs: dict[str, Any] = {
        name: (Reference(name="nowhere"), Reference(name="y")) for name in PARAMETERS
    }
    if value is not None:
        inputs = {name: (Constant(value=value, type=odd),) for name in PARAMETERS}
    outputs = (Named(name="y", type=TensorType(element=FP16, shape=())),)
    steps = [
        Operation(kind=kind, inputs=given, attributes={}, outputs=named, blocks=())
        for given in ({}, inputs)
        for named in ((), outputs, (Named(name="y", type=ListType(element=odd)),))
    ]
    return Function(
        name="main",
        inputs=(Named(name="a", type=odd), Named(name="b", type=OtherType(name="tuple"))),
        opset="nonsense",
        body=Block(inputs=(), operations=tuple(steps), outputs=("y", "nowhere", "b")),
    )


@pytest.mark.parametrize("kind", sorted(OPERATIONS))
def test_a_program_that_makes_no_sense_is_linted_all_the_same(kind: str) -> None:
    for value in (None, *ODD_VALUES):
        linted = lint_function(nonsense(kind, value))
        assert linted.macs == 0
        assert "flexible-inputs" in {each.rule for each in linted.findings}


def test_the_page_lists_every_rule_as_it_is(root: Path) -> None:
    page = (root / "docs" / "lint.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \| (.+) \|$", page, re.MULTILINE)
    listed = {name: (severity, meaning, sources) for name, severity, meaning, sources in rows}
    assert list(listed) == [rule.name for rule in RULES]
    for rule in RULES:
        links = "; ".join(f"[{each}]({each.url})" for each in rule.sources) or "-"
        assert listed[rule.name] == (rule.severity, rule.meaning, links)
