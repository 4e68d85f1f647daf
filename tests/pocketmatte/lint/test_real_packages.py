"""What coremltools writes is recognised."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.program import capture
from export.quiet import quiet
from export.recipe import recipe
from export.targets import TARGETS
from pocketmatte.lint.check import Linted, lint_package
from pocketmatte.lint.finding import Finding
from tiers.cost import cost
from tiers.ladder import tier
from tiers.networks import build

with quiet():
    import coremltools as ct
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import get_new_symbol, types
    from coremltools.optimize import coreml as compress


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Linted]:
    """Return what is found in t01 of rvm in half precision, by format."""
    spec = tier("rvm", "t01")
    captured = capture(build(spec).eval(), spec, "matte", recipe("fp16"))
    folder = tmp_path_factory.mktemp("ours")
    linted = {}
    for name in ("coreml", "coreml-image"):
        path = folder / f"matte{TARGETS[name].suffix}"
        TARGETS[name].export(captured, path, {})
        (linted[name],) = lint_package(path)
    return linted


def by_rule(linted: Linted) -> dict[str, Finding]:
    return {finding.rule: finding for finding in linted.findings}


def test_a_package_of_ours_has_no_error_and_the_tiers_multiply_accumulates(
    ours: Mapping[str, Linted],
) -> None:
    linted = ours["coreml"]
    found = by_rule(linted)
    assert linted.macs == cost(tier("rvm", "t01")).macs
    assert not [name for name, each in found.items() if each.severity == "error"]
    assert found["plain-state-width"].tensors == ("r4", "r4_next")
    assert "row-alignment" not in found  # 512 pixels a row
    assert found["software-resize"].message.startswith("9 upsample_bilinear")
    share = found["odd-channels"].mac_share
    assert share is not None
    assert 0.5 < share < 1


def test_the_scales_of_images_stay_in_half_precision(ours: Mapping[str, Linted]) -> None:
    found = by_rule(ours["coreml-image"])
    assert not {"wide-floats", "islands", "image-range"} & found.keys()
    # of each of three pictures a product, and a cast, for the program's images are fp32
    assert ours["coreml-image"].operation_count == ours["coreml"].operation_count + 6


def linted(model: Any, folder: Path) -> dict[str, Finding]:
    with quiet():
        model.save(str(folder / "model.mlpackage"))
    (only,) = lint_package(folder / "model.mlpackage")
    return by_rule(only)


def converted(program: Any, **options: Any) -> Any:
    with quiet():
        return ct.convert(
            program,
            minimum_deployment_target=ct.target.iOS18,
            skip_model_load=True,
            **options,
        )


def test_a_range_of_sizes_and_shapes_computed_from_it_are_found(tmp_path: Path) -> None:
    with quiet():

        @Builder.program(input_specs=[Builder.TensorSpec((1, get_new_symbol(), 32))])
        def program(x):  # type: ignore[no-untyped-def]
            rows = Builder.slice_by_index(x=Builder.shape(x=x), begin=[1], end=[2])
            half = Builder.floor_div(x=rows, y=2)
            begin = Builder.concat(values=[[0], half, [0]], axis=0)
            return Builder.slice_by_index(x=x, begin=begin, end=[1, 64, 32])

    sizes = ct.TensorType(name="x", shape=(1, ct.RangeDim(4, 64, default=8), 32), dtype=np.float16)
    found = linted(converted(program, inputs=[sizes]), tmp_path)
    assert found["flexible-inputs"].tensors == ("x",)
    assert found["dynamic-parameters"].message.startswith("1 slice_by_index by sizes")
    assert found["no-engine-path"].message.startswith("1 shape")
    assert found["integers"].severity == "warning"


def test_a_state_that_is_no_multiple_of_32_wide_is_found(tmp_path: Path) -> None:
    shape = (1, 4, 8, 270)
    with quiet():

        @Builder.program(
            input_specs=[
                Builder.TensorSpec(shape, dtype=types.fp16),
                Builder.StateTensorSpec(shape, dtype=types.fp16),
            ],
            opset_version=ct.target.iOS18,
        )
        def program(x, s):  # type: ignore[no-untyped-def]
            mean = Builder.add(x=x, y=Builder.read_state(input=s))
            return Builder.coreml_update_state(state=s, value=mean)

    found = linted(converted(program), tmp_path)
    assert found["state-width"].severity == "error"
    assert found["state-width"].tensors == ("s",)


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        (
            "scaled-palettes",
            lambda model: compress.palettize_weights(
                model, config(compress.OpPalettizerConfig(mode="uniform", nbits=4,
                                                          enable_per_channel_scale=True))
            ),
        ),
        (
            "block-scales",
            lambda model: compress.linear_quantize_weights(
                model, config(compress.OpLinearQuantizerConfig(dtype="int4",
                                                               granularity="per_block",
                                                               block_size=8))
            ),
        ),
        (
            None,
            lambda model: compress.linear_quantize_weights(
                model, config(compress.OpLinearQuantizerConfig())
            ),
        ),
    ],
)  # fmt: skip
def test_compressed_weights_are_told_apart(
    tmp_path: Path, rule: str | None, make: Callable[[Any], Any]
) -> None:
    drawn = np.random.default_rng(0).normal(size=(64, 64, 1, 1)).astype(np.float32)
    with quiet():

        @Builder.program(input_specs=[Builder.TensorSpec((1, 64, 4, 32))])
        def program(x):  # type: ignore[no-untyped-def]
            return Builder.conv(x=x, weight=drawn)

        model = make(converted(program))
    found = linted(model, tmp_path)
    expected = {rule} if rule else set()
    assert found.keys() & {"scaled-palettes", "block-scales"} == expected
    assert all(found[name].mac_share == 1 for name in expected)


def config(own: Any) -> Any:
    return compress.OptimizationConfig(global_config=own)
