from collections.abc import Callable

import pytest

from pocketmatte.lint.macs import macs
from pocketmatte.lint.subject import subject
from pocketmatte.mlprogram.program import Function


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # each of 8 x 4 x 32 results sums 16 / 2 channels of 3 x 3
            "x: fp16[1, 16, 8, 64]; w: fp16[8, 8, 3, 3] = const();"
            "y: fp16[1, 8, 4, 32] = conv(x=x, weight=w, groups=2); return y",
            8 * 4 * 32 * 8 * 9,
        ),
        (  # each of 16 x 8 x 32 values goes into 4 channels of 2 x 2
            "x: fp16[1, 16, 8, 32]; w: fp16[16, 4, 2, 2] = const();"
            "y: fp16[1, 4, 16, 64] = conv_transpose(x=x, weight=w); return y",
            16 * 8 * 32 * 4 * 4,
        ),
        (
            "x: fp16[2, 5, 7]; w: fp16[3, 7] = const();"
            "y: fp16[2, 5, 3] = linear(x=x, weight=w); return y",
            2 * 5 * 7 * 3,
        ),
        ("x: fp16[2, 3, 7]; z: fp16[2, 7, 5]; y: fp16[2, 3, 5] = matmul(x=x, y=z); return y", 210),
        (
            "x: fp16[2, 7, 3]; z: fp16[2, 7, 5];"
            "y: fp16[2, 3, 5] = matmul(x=x, y=z, transpose_x=True); return y",
            210,
        ),
        (
            "x: fp16[7]; z: fp16[7, 5]; y: fp16[5] = matmul(x=x, y=z, transpose_x=True); return y",
            35,
        ),
        (  # n c h w u
            "x: fp16[2, 3, 5, 7]; z: fp16[1, 7, 5, 11]; y: fp16[2, 3, 5, 11] ="
            'einsum(values=[x, z], equation="nchw,nwhu->nchu"); return y',
            2 * 3 * 5 * 7 * 11,
        ),
        (  # 2 heads of 5 queries, 9 keys of 4 and values of 6
            "q: fp16[2, 5, 4]; k: fp16[2, 9, 4]; v: fp16[2, 9, 6]; y: fp16[2, 5, 6] ="
            "scaled_dot_product_attention(query=q, key=k, value=v); return y",
            2 * 5 * 9 * (4 + 6),
        ),
        (  # 7 steps of 2 sequences
            "x: fp16[7, 2, 5]; i: fp16[9, 5] = const(); h: fp16[9, 3] = const();"
            "y: fp16[7, 2, 3] = gru(x=x, weight_ih=i, weight_hh=h); return y",
            7 * 2 * (9 * 5 + 9 * 3),
        ),
        ("x: fp16[1, 8, 4, 4]; y: fp16[1, 8, 4, 4] = softmax(x=x); return y", 0),
        (
            "x: fp16[1, 16, None, 32]; w: fp16[8, 16, 1, 1] = const();"
            "y: fp16[1, 8, None, 32] = conv(x=x, weight=w); return y",
            None,
        ),
        ("x: fp16[3]; y: fp16[3] = conv(x=x); return y", None),
        ('x: fp16[3]; y: fp16[3] = einsum(values=[x], equation="ab->ba"); return y', None),
    ],
)
def test_multiply_accumulates_are_those_of_the_shapes(
    program: Callable[[str], Function], text: str, expected: int | None
) -> None:
    taken_apart = subject(program(text))
    assert macs(taken_apart, taken_apart.operations[-1]) == expected
