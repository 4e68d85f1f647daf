"""Each rule is broken by one small program and kept by another that is nearly the same."""

from collections.abc import Callable

import pytest

from pocketmatte.lint.check import RULES, lint_function
from pocketmatte.lint.finding import Finding
from pocketmatte.mlprogram.program import Function

Program = Callable[[str], Function]

IN = "x: fp16[1, 16, 4, 32];"
OUT = "y: fp16[1, 16, 4, 32]"
IMAGES = frozenset({"photo"})


def conv(weight: str, *parameters: str) -> str:
    """Return a program of a convolution."""
    given = ", ".join(["x=x", "weight=w", *parameters])
    return f"{IN} w: fp16[{weight}] = const(); {OUT} = conv({given}); return y"


def unary(call: str) -> str:
    """Return a program of one operation."""
    return f"{IN} {OUT} = {call}; return y"


def weights(compressed: str) -> str:
    """Return a program of a convolution with compressed weights, beside a state."""
    return f"s: state[fp16[1, 1, 1, 32]]; {IN} {compressed} {OUT} = conv(x=x, weight=w); return y"


CASES = {
    "wide-floats": (
        f"{IN} z: fp32[1, 16, 4, 32] = cast(x=x); w: fp32[1, 16, 4, 32] = relu(x=z);"
        f"{OUT} = cast(x=w); return y",
        f"{IN} z: fp32[1, 16, 4, 32] = cast(x=x); {OUT} = cast(x=z); return y",
    ),
    "integers": (
        f"{IN} y: int32[1, 16, 4, 32] = cast(x=x); return y",
        f"{IN} y: int16[1, 16, 4, 32] = cast(x=x); return y",
    ),
    "wide-interface": (
        f"x: fp32[1, 16, 4, 32]; {OUT} = cast(x=x); return y",
        f"photo: fp32[1, 16, 4, 32]; {OUT} = cast(x=photo); return y",
    ),
    "half-range": (unary("exp(x=x)"), "x: fp32[4]; y: fp32[4] = exp(x=x); return y"),
    "rank": (
        f"{IN} z: fp16[1, 2, 2, 4, 4, 32] = reshape(x=x, shape=[1, 2, 2, 4, 4, 32]); return z",
        f"{IN} z: fp16[2, 2, 4, 4, 32] = reshape(x=x, shape=[2, 2, 4, 4, 32]); return z",
    ),
    "extent": (
        "x: fp16[1, 4, 16385]; y: fp16[1, 4, 16385] = relu(x=x); return y",
        "x: fp16[1, 16385, 16384]; y: fp16[65536, 4, 16384] = relu(x=x); return y",
    ),
    "large-operands": (
        "x: fp16[1, 1, 1025, 1024]; y: fp16[1, 1, 1, 1] = reduce_mean(x=x); return y",
        "x: fp16[1, 1, 1024, 1024]; y: fp16[1, 1, 1, 1] = reduce_mean(x=x); return y",
    ),
    "dynamic-parameters": (
        f"{IN} b: int32[4] = shape(x=x); {OUT} = reshape(x=x, shape=b); return y",
        f"{IN} b: int32[4] = const(); {OUT} = reshape(x=x, shape=b); return y",
    ),
    "flexible-inputs": (
        "x: fp16[1, 16, None, 32]; y: fp16[1, 16, None, 32] = relu(x=x); return y",
        unary("relu(x=x)"),
    ),
    "flexible-layer-norm": (
        "x: fp16[1, None, 32]; y: fp16[1, None, 32] = layer_norm(x=x, axes=[-1]); return y",
        unary("layer_norm(x=x, axes=[-1])"),
    ),
    "state-width": (
        "s: state[fp16[1, 2, 9, 270]]; y: fp16[1, 2, 9, 270] = read_state(input=s); return y",
        "s: state[fp16[1, 2, 9, 256]]; y: fp16[1, 2, 9, 256] = read_state(input=s); return y",
    ),
    "plain-state-width": (
        "r: fp16[1, 2, 9, 16]; r_next: fp16[1, 2, 9, 16] = relu(x=r); return r_next",
        "r: fp16[1, 2, 9, 16]; y: fp16[1, 2, 9, 16] = relu(x=r); return y",
    ),
    "row-alignment": (
        "x: fp16[1, 2, 9, 16]; y: fp16[1, 2, 9, 32] = tile(x=x); return y",
        "x: fp32[1, 2, 9, 16]; photo: fp16[1, 2, 9, 16] = cast(x=x); return photo",
    ),
    "singleton-rows": (
        "x: fp16[1, 1, 1058, 1]; y: fp16[1, 1, 1, 32] = reduce_max(x=x); return y",
        "x: fp16[1, 1, 1057, 1]; y: fp16[1, 1, 1, 32] = reduce_max(x=x); return y",
    ),
    "image-range": (
        f"{IN} z: fp16[1, 16, 4, 32] = clip(x=x, alpha=0.0, beta=1.0);"
        "photo: fp32[1, 16, 4, 32] = cast(x=z); return photo",
        f"{IN} z: fp16[1, 16, 4, 32] = clip(x=x, alpha=0.0, beta=255.0);"
        "photo: fp32[1, 16, 4, 32] = cast(x=z); return photo",
    ),
    "rearranged-states": (
        "s: state[fp16[1, 2, 9, 32]]; r: fp16[1, 2, 9, 32] = read_state(input=s);"
        "y: fp16[1, 9, 2, 32] = transpose(x=r, perm=[0, 2, 1, 3]); return y",
        "s: state[fp16[1, 2, 9, 32]]; r: fp16[1, 2, 9, 32] = read_state(input=s);"
        "z: fp16[1, 2, 9, 32] = relu(x=r);"
        "y: fp16[1, 9, 2, 32] = transpose(x=z, perm=[0, 2, 1, 3]); return y",
    ),
    "no-engine-path": (unary("mod(x=x, y=x)"), unary("floor_div(x=x, y=x)")),
    "unknown-operations": (unary("telepathy(x=x)"), unary("relu(x=x)")),
    "newer-engines": (unary('pad(x=x, mode="reflect")'), unary('pad(x=x, mode="constant")')),
    "gathers": (unary("gather(x=x, indices=[0])"), unary("slice_by_size(x=x)")),
    "offset-slices": (
        unary("slice_by_index(x=x, begin=[0, 0, 0, 2])"),
        unary("slice_by_index(x=x, begin=[0, 0, 2, 2], begin_mask=[False, False, False, True])"),
    ),
    "linear-layers": (unary("linear(x=x, weight=x)"), unary("matmul(x=x, y=x)")),
    "fused-attention": (
        unary("scaled_dot_product_attention(query=x, key=x, value=x)"),
        unary("matmul(x=x, y=x)"),
    ),
    "softmax-axis": (
        "x: fp16[1, 8, 600, 128]; y: fp16[1, 8, 600, 128] = softmax(x=x, axis=-1); return y",
        "x: fp16[1, 8, 600, 128]; y: fp16[1, 8, 600, 128] = softmax(x=x, axis=1); return y",
    ),
    "software-resize": (unary("upsample_bilinear(x=x)"), unary("avg_pool(x=x)")),
    "kernel-width": (conv("16, 16, 1, 14"), conv("16, 16, 14, 13")),
    "dynamic-weights": (
        "x: fp16[2, 16, 4, 32]; w: fp16[8, 16, 1, 1]; y: fp16[2, 8, 4, 32] ="
        "conv(x=x, weight=w); return y",
        "x: fp16[1, 16, 4, 32]; w: fp16[8, 16, 1, 1]; y: fp16[1, 8, 4, 32] ="
        "conv(x=x, weight=w); return y",
    ),
    "large-kernels": (conv("16, 16, 9, 3"), conv("16, 16, 8, 8")),
    "strides": (conv("16, 16, 3, 3", "strides=[7, 7]"), conv("16, 16, 3, 3", "strides=[2, 4]")),
    "dilations": (
        conv("16, 16, 3, 3", "dilations=[1, 4]"),
        conv("16, 16, 3, 3", "dilations=[3, 3]"),
    ),
    "pool-strides": (
        unary("avg_pool(x=x, strides=[3, 4])"),
        unary("avg_pool(x=x, strides=[2, 1])"),
    ),
    "odd-channels": (
        "x: fp16[1, 8, 4, 32]; w: fp16[16, 8, 1, 1] = const();"
        f"{OUT} = conv(x=x, weight=w); return y",
        conv("16, 16, 1, 1"),
    ),
    "layout": (
        "x: fp16[4, 32]; y: fp16[4, 4] = matmul(x=x, y=x, transpose_y=True); return y",
        unary("matmul(x=x, y=x)"),
    ),
    "moved-rows": (
        f"{IN} y: fp16[1, 16, 32, 4] = transpose(x=x, perm=[0, 1, 3, 2]); return y",
        f"{IN} z: fp16[1, 4, 16, 32] = transpose(x=x, perm=[0, 2, 1, 3]);"
        "y: fp16[1, 64, 32] = reshape(x=z, shape=[1, 64, 32]); return y",
    ),
    "narrow-rows": (
        "x: fp16[1, 16, 4, 16]; w: fp16[16, 16, 1, 1] = const(); y: fp16[1, 16, 4, 16] ="
        "conv(x=x, weight=w); return y",
        conv("16, 16, 1, 1"),
    ),
    "scaled-palettes": (
        weights(
            "d: fp16[1, 16, 1, 1, 4, 1] = const(); s1: fp16[1, 16, 1, 1, 1, 1] = const();"
            "t: fp16[1, 16, 1, 1, 4, 1] = constexpr_blockwise_shift_scale(data=d, scale=s1);"
            "i: uint4[16, 16, 1, 1] = const();"
            "w: fp16[16, 16, 1, 1] = constexpr_lut_to_dense(lut=t, indices=i);"
        ),
        weights(
            "d: int8[1, 16, 1, 1, 4, 1] = const(); s1: fp16[1, 16, 1, 1, 1, 1] = const();"
            "t: fp16[1, 16, 1, 1, 4, 1] = constexpr_blockwise_shift_scale(data=d, scale=s1);"
            "i: uint4[16, 16, 1, 1] = const();"
            "w: fp16[16, 16, 1, 1] = constexpr_lut_to_dense(lut=t, indices=i);"
        ),
    ),
    "block-scales": (
        weights(
            "d: int4[16, 16, 1, 1] = const(); s1: fp16[16, 2, 1, 1] = const();"
            "w: fp16[16, 16, 1, 1] = constexpr_blockwise_shift_scale(data=d, scale=s1);"
        ),
        weights(
            "d: int4[16, 16, 1, 1] = const(); s1: fp16[16, 1, 1, 1] = const();"
            "w: fp16[16, 16, 1, 1] = constexpr_blockwise_shift_scale(data=d, scale=s1);"
        ),
    ),
    "small-palettes-with-state": (
        weights(
            "t: fp16[1, 1, 1, 1, 16, 1] = const();"
            "w: fp16[16, 16, 1, 1] = constexpr_lut_to_dense(lut=t);"
        ),
        weights(
            "t: fp16[1, 1, 1, 1, 64, 1] = const();"
            "w: fp16[16, 16, 1, 1] = constexpr_lut_to_dense(lut=t);"
        ),
    ),
    "quantised-activations": (
        f"{IN} z: int8[1, 16, 4, 32] = quantize(input=x); {OUT} = dequantize(input=z); return y",
        unary("relu(x=x)"),
    ),
    "islands": (unary("mod(x=x, y=x)"), unary("relu(x=x)")),
}


def broken(function: Function) -> dict[str, Finding]:
    return {each.rule: each for each in lint_function(function, IMAGES).findings}


def test_every_rule_has_a_program_that_breaks_it() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(CASES) == sorted(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_broken_by_one_program_and_kept_by_its_neighbour(
    program: Program, name: str
) -> None:
    breaks, keeps = (broken(program(text)) for text in CASES[name])
    assert name in breaks
    assert breaks[name].operation_count or breaks[name].tensors
    assert name not in keeps


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wide-floats", "1 relu in more than 16 bits; the engine computes in 16"),
        ("rank", "1 reshape with up to 6 dimensions; the engine has 5"),
        (
            "extent",
            "1 relu with results such as (1, 4, 16385); rows and columns may be 16384, other "
            "dimensions 65536",
        ),
        (
            "state-width",
            "1 state with rows of no multiple of 32 elements: s (1, 2, 9, 270); the whole program "
            "was seen to fail on the engine",
        ),
        (
            "row-alignment",
            "1 of 2 tensors with rows of no multiple of 64 bytes: x (1, 2, 9, 16); an app has to "
            "read them by their strides",
        ),
        (
            "singleton-rows",
            "1 tensor with a last dimension of 1: x (1, 1, 1058, 1); padding adds 64 KiB",
        ),
        ("newer-engines", "1 pad: an engine of the M2 or later is needed"),
        ("kernel-width", "kernels of 1x14; 13 is the widest in fp16 on an M1"),
        ("pool-strides", "1 avg_pool by strides of 3x4"),
        ("dilations", "1 conv dilated by up to 4; up to 3 is cheap"),
        ("no-engine-path", "1 mod, for which no engine is known to have a path"),
    ],
)
def test_a_finding_says_the_value_and_the_limit(program: Program, name: str, message: str) -> None:
    assert broken(program(CASES[name][0]))[name].message == message


def test_every_rule_says_who_says_so_and_what_to_do() -> None:
    for rule in RULES:
        assert rule.mend, rule.name
        assert rule.meaning, rule.name
        assert rule.sources or rule.name == "unknown-operations", rule.name
        assert all(source.url.startswith("https://") for source in rule.sources)
        assert not rule.cuts or rule.severity == "error", rule.name
