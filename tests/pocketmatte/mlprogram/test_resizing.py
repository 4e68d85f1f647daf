from fractions import Fraction

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.operations.resizing import (
    crop,
    points,
    resize,
    resize_bilinear,
    resize_nearest_neighbor,
    upsample_bilinear,
    upsample_nearest_neighbor,
)

STEP = torch.tensor([0.0, 1.0]).reshape(1, 1, 2)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def whole(value: int) -> Tensor:
    return torch.tensor(value, dtype=torch.int32)


def between(x: Tensor, place: Fraction) -> float:
    """Return a row's value at a place, written out."""
    lower = min(max(int(place // 1), 0), len(x) - 1)
    upper = min(lower + 1, len(x) - 1)
    share = float(place - lower)
    return float(x[lower]) * (1 - share) + float(x[upper]) * share


@pytest.mark.parametrize(
    ("mode", "count", "expected"),
    [
        ("STRICT_ALIGN_CORNERS", 5, [0, 0.25, 0.5, 0.75, 1]),
        ("ALIGN_CORNERS", 5, [0, 0.25, 0.5, 0.75, 1]),
        ("DEFAULT", 5, [0, 0.4, 0.8, 1, 1]),
        ("OFFSET_CORNERS", 5, [0.1, 0.3, 0.5, 0.7, 0.9]),
        ("UNALIGN_CORNERS", 5, [0, 0.1, 0.5, 0.9, 1]),
        ("STRICT_ALIGN_CORNERS", 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ("DEFAULT", 6, [0, 1 / 3, 2 / 3, 1, 1, 1]),
        ("OFFSET_CORNERS", 6, [1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12]),
        ("UNALIGN_CORNERS", 6, [0, 0, 1 / 3, 2 / 3, 1, 1]),
        ("STRICT_ALIGN_CORNERS", 1, [0.0]),
        ("ALIGN_CORNERS", 1, [0.5]),
    ],
)
def test_the_modes_sample_two_pixels_as_documented(
    mode: str, count: int, expected: list[float]
) -> None:
    found = resize_bilinear(STEP, 1, count, mode)
    assert torch.allclose(found, torch.tensor(expected).reshape(1, 1, -1), atol=1e-6)


def test_an_interval_may_run_backwards_where_its_corners_are_aligned() -> None:
    assert points("ALIGN_CORNERS", 2, 1, 3).tolist() == [2, 1.5, 1]
    with pytest.raises(ValueError, match="'DEFAULT' from 2 back to 1 is not known here"):
        points("DEFAULT", 2, 1, 3)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("factors", [(2, 3), (2.5, 1.3), (0.5, 0.75)])
def test_upsampling_is_pytorchs_with_the_factor_recomputed(
    factors: tuple[float, float], align_corners: bool
) -> None:
    x = drawn(2, 3, 10, 22)
    expected = functional.interpolate(
        x,
        scale_factor=factors,
        mode="bilinear",
        align_corners=align_corners,
        recompute_scale_factor=True,
    )
    height, width = (torch.tensor(factor) for factor in factors)
    found = upsample_bilinear(x, height, width, align_corners)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)


def test_pixels_need_neither_halves_nor_corners_aligned() -> None:
    found = upsample_bilinear(STEP[None], whole(1), whole(3), False, False)
    assert torch.allclose(found.flatten(), torch.tensor([0, 1 / 3, 2 / 3, 1, 1, 1]))
    with pytest.raises(ValueError, match="together with half_pixel_centers is not known here"):
        upsample_bilinear(STEP, None, None, True, True)


def test_a_size_is_the_one_of_single_precision() -> None:
    # 0.7 is less than seven tenths in single precision; ten times it, rounded, is seven
    assert upsample_bilinear(drawn(1, 1, 10), None, torch.tensor(0.7)).shape == (1, 1, 7)


@pytest.mark.parametrize(
    ("size", "factor", "expected"),
    [(3, 2.0, [0, 0, 1, 1, 2, 2]), (3, 0.67, [0, 1]), (3, 1.12, [0, 1, 2]), (4, 0.5, [0, 2])],
)
def test_a_nearest_pixel_upsampled_is_the_one_to_the_left(
    size: int, factor: float, expected: list[int]
) -> None:
    x = torch.arange(size, dtype=torch.float32).reshape(1, 1, size)
    found = upsample_nearest_neighbor(x, None, torch.tensor(factor))
    assert found.flatten().tolist() == expected


@pytest.mark.parametrize(
    ("size", "count", "expected"),
    [(2, 3, [0, 1, 1]), (10, 2, [2, 7]), (2, 6, [0, 0, 0, 1, 1, 1]), (2, 2, [0, 1])],
)
def test_a_nearest_pixel_resized_is_the_one_under_its_middle(
    size: int, count: int, expected: list[int]
) -> None:
    x = torch.arange(size, dtype=torch.int32).reshape(1, size, 1).expand(1, size, 2)
    assert resize_nearest_neighbor(x, count, 2)[0, :, 1].tolist() == expected
    assert resize(x, (count, 0), 2, "NEAREST_NEIGHBOR")[0, :, 1].tolist() == expected


def test_resizing_takes_the_last_sizes_and_leaves_those_of_0() -> None:
    x = drawn(2, 3, 4, 5)
    found = resize(x, (7, 0, 9), 2, "LINEAR", "UNALIGN_CORNERS")
    assert found.shape == (2, 3, 4, 9)
    row = [between(x[1, 2, 3], Fraction(2 * i + 1, 2) * Fraction(5, 9) - Fraction(1, 2))
           for i in range(1, 8)]  # fmt: skip
    assert torch.allclose(found[1, 2, 3, 1:8], torch.tensor(row), atol=1e-5)


def test_both_directions_are_interpolated() -> None:
    x = torch.tensor([[0.0, 1.0], [10.0, 11.0]])[None]
    expected = torch.tensor([[0, 0.5, 1], [5, 5.5, 6], [10, 10.5, 11]])[None]
    assert torch.allclose(resize_bilinear(x, 3, 3, "ALIGN_CORNERS"), expected)


@pytest.mark.parametrize(
    ("shape", "dims", "mode", "sampling"),
    [
        ((4,), 1, "CUBIC", "DEFAULT"),
        ((4,), 1, "NEAREST_NEIGHBOR", "ALIGN_CORNERS"),
        ((4,), 1, "LINEAR", "CORNERS"),
        ((4,), 2, "LINEAR", "DEFAULT"),
        ((4, 4, 4, 4), 2, "LINEAR", "DEFAULT"),
    ],
)
def test_what_is_not_known_is_refused(
    shape: tuple[int, ...], dims: int, mode: str, sampling: str
) -> None:
    with pytest.raises(ValueError, match=r"is not known here|do not fit 3 dimensions"):
        resize(STEP, shape, dims, mode, sampling)


def test_integers_are_not_interpolated() -> None:
    with pytest.raises(ValueError, match=r"LINEAR with DEFAULT of torch\.int32 is not known here"):
        resize(STEP.int(), (4,), 1)


def test_a_crop_is_cut_on_every_side() -> None:
    x = drawn(1, 2, 6, 7)
    assert torch.equal(crop(x, (0, 1), (2, 3)), x[:, :, 0:5, 2:4])
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(0, 0\) cannot be cut from 6 x 7"):
        crop(x, (4, 3), (0, 0))
