import functools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.operations.sampling import affine, crop_resize, resample

NUMBERS = torch.arange(1, 17, dtype=torch.float32).reshape(1, 1, 4, 4)
FOUR = torch.tensor([11.0, 22.0, 33.0, 44.0]).reshape(1, 1, 2, 2)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def box(*numbers: float) -> Tensor:
    return torch.tensor([numbers])


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (2, [6, 7, 10, 11]),
        (1, [8.5]),
        (3, [6, 6.5, 7, 8, 8.5, 9, 10, 10.5, 11]),
    ],
)
def test_a_box_reaches_from_the_middle_of_a_pixel_to_that_of_another(
    count: int, expected: list[float]
) -> None:
    found = crop_resize(
        NUMBERS, boxes=box(1, 1, 2, 2), target_height=count, target_width=count,
        sampling_mode="ALIGN_CORNERS",
    )  # fmt: skip
    assert found.shape == (1, 1, count, count)
    assert torch.allclose(found.flatten(), torch.tensor(expected, dtype=torch.float32))


def test_a_box_may_be_upside_down() -> None:
    found = crop_resize(
        NUMBERS, boxes=box(2, 2, 1, 1), target_height=2, target_width=2,
        sampling_mode="STRICT_ALIGN_CORNERS",
    )  # fmt: skip
    assert found.flatten().tolist() == [11, 10, 7, 6]


@pytest.mark.parametrize(
    ("mode", "numbers"),
    [
        ("CORNERS_HEIGHT_FIRST", (0, 1, 2, 1.5)),
        ("CORNERS_WIDTH_FIRST", (1, 0, 1.5, 2)),
        ("CENTER_SIZE_HEIGHT_FIRST", (1, 1.25, 2, 0.5)),
        ("CENTER_SIZE_WIDTH_FIRST", (1.25, 1, 0.5, 2)),
    ],
)
def test_a_box_is_told_in_four_ways(mode: str, numbers: tuple[float, ...]) -> None:
    found = crop_resize(
        NUMBERS, boxes=box(*numbers), target_height=2, target_width=2,
        sampling_mode="ALIGN_CORNERS", box_coordinate_mode=mode,
    )  # fmt: skip
    assert torch.allclose(found.flatten(), torch.tensor([2, 2.5, 10, 10.5]))


@pytest.mark.parametrize("pad_value", [0.0, 10.0])
def test_beyond_a_picture_lies_the_padding(pad_value: float) -> None:
    boxes = torch.tensor([[0.1, 0.3, 1.3, 1.0], [0.5, 1.8, 1.0, 0.3], [0.0, 0.4, 0.6, 0.7]])
    found = crop_resize(
        NUMBERS, boxes=boxes, box_indices=torch.zeros(3, dtype=torch.int32), target_height=2,
        target_width=2, normalized_coordinates=True, sampling_mode="ALIGN_CORNERS",
        pad_value=pad_value,
    )  # fmt: skip
    expected = [
        3.1,
        5.2,
        pad_value,
        pad_value,
        pad_value,
        7.9,
        pad_value,
        13.9,
        2.2,
        3.1,
        9.4,
        10.3,
    ]
    assert torch.allclose(found.flatten(), torch.tensor(expected, dtype=torch.float32))


def test_coordinates_are_scaled() -> None:
    found = crop_resize(
        NUMBERS, boxes=box(2, 4, 6, 6), target_height=2, target_width=2, spatial_scale=0.5,
        sampling_mode="ALIGN_CORNERS",
    )  # fmt: skip
    assert found.flatten().tolist() == [7, 8, 15, 16]


@pytest.mark.parametrize(
    ("mode", "columns"),
    [
        ("DEFAULT", [1, 1.75, 2.5, 3]),
        ("OFFSET_CORNERS", [1.25, 1.75, 2.25, 2.75]),
    ],
)
def test_a_grid_of_a_box_is_that_of_as_many_pixels(mode: str, columns: list[float]) -> None:
    # three pixels, 1 to 3, in four parts
    found = crop_resize(NUMBERS, boxes=box(0, 1, 0, 3), target_width=4, sampling_mode=mode)
    assert torch.allclose(found.flatten(), torch.tensor([1 + column for column in columns]))


def test_before_ios_17_boxes_are_of_all_pictures_or_name_theirs() -> None:
    x = drawn(3, 2, 4, 4)
    every = crop_resize(
        x, roi=box(1, 0, 2, 1).reshape(1, 1, 4, 1, 1), target_height=2, target_width=2,
        sampling_mode="ALIGN_CORNERS",
    )  # fmt: skip
    assert torch.equal(every, x[None, :, :, 1:3, 0:2])
    one = crop_resize(
        x, roi=box(2, 1, 0, 2, 1).reshape(1, 1, 5, 1, 1), target_height=2, target_width=2,
        sampling_mode="ALIGN_CORNERS",
    )  # fmt: skip
    assert torch.equal(one, x[None, 2:, :, 1:3, 0:2])


def test_boxes_belong_to_the_pictures_in_order_or_by_index() -> None:
    x = drawn(3, 2, 4, 4)
    boxes = torch.tensor([[0.0, 0, 1, 1], [2, 2, 3, 3]])
    cut = functools.partial(
        crop_resize, x, boxes=boxes, target_height=2, target_width=2, sampling_mode="ALIGN_CORNERS"
    )
    found = cut()
    assert torch.equal(found, torch.stack([x[0, :, :2, :2], x[1, :, 2:, 2:]]))
    chosen = cut(box_indices=torch.tensor([2, 0]))
    assert torch.equal(chosen, torch.stack([x[2, :, :2, :2], x[0, :, 2:, 2:]]))
    with pytest.raises(ValueError, match="a box is of picture 3, of 3"):
        cut(box_indices=torch.tensor([3, 0]))
    with pytest.raises(ValueError, match="either roi or boxes must be given"):
        crop_resize(x)


def test_a_box_in_no_known_way_is_refused() -> None:
    with pytest.raises(ValueError, match="'UNALIGN_CORNERS' of a box is not known here"):
        crop_resize(NUMBERS, boxes=box(0, 0, 1, 1), sampling_mode="UNALIGN_CORNERS")
    with pytest.raises(ValueError, match="box_coordinate_mode 'POLAR' is not known here"):
        crop_resize(NUMBERS, boxes=box(0, 0, 1, 1), box_coordinate_mode="POLAR")


TRANSFORM = torch.tensor([[-1.0, -2.0, -3.7, -1.0, 3.5, 1.2]])


def transformed(x: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    return affine(
        x, matrix, height, width, "bilinear", "constant", 0.0, "normalized_minus_one_to_one", True
    )


def test_a_transform_is_of_the_coordinates_of_the_result() -> None:
    # at the upper left: x' = 1 + 2 - 3.7 and y' = 1 - 3.5 + 1.2, a little above the first row
    found = transformed(FOUR, TRANSFORM, 3, 3)
    assert torch.allclose(found[0, 0, 0], torch.tensor([10.7525, 2.5025, 0.0]), atol=1e-5)
    assert math.isclose(float(found[0, 0, 1, 0]), 1.98, abs_tol=1e-5)
    assert not found[0, 0, 1:].flatten()[1:].any()


def test_a_transform_is_pytorchs() -> None:
    x, matrices = drawn(2, 3, 5, 6), drawn(2, 6)
    grid = functional.affine_grid(matrices.reshape(2, 2, 3), [2, 3, 4, 7], align_corners=True)
    expected = functional.grid_sample(x, grid, align_corners=True)
    assert torch.allclose(transformed(x, matrices, 4, 7), expected, atol=1e-5)
    single = transformed(x, matrices[:1], 4, 7)
    assert torch.allclose(single[0], expected[0], atol=1e-5)
    assert not torch.allclose(single[1], expected[1], atol=1e-2)


@pytest.mark.parametrize(
    "modes",
    [
        ("nearest", "constant", 0.0, "normalized_minus_one_to_one", True),
        ("bilinear", "border", 0.0, "normalized_minus_one_to_one", True),
        ("bilinear", "constant", 1.0, "normalized_minus_one_to_one", True),
        ("bilinear", "constant", 0.0, "unnormalized", True),
        ("bilinear", "constant", 0.0, "normalized_minus_one_to_one", False),
    ],
)
def test_a_transform_of_other_modes_is_refused(modes: tuple[str, str, float, str, bool]) -> None:
    with pytest.raises(ValueError, match=r"an affine with .* is not known here"):
        affine(FOUR, TRANSFORM, 3, 3, *modes)


def test_a_transform_to_a_single_column_is_refused() -> None:
    with pytest.raises(ValueError, match="an affine of 3 x 1 is not known here"):
        transformed(FOUR, TRANSFORM, 3, 1)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["constant", "border", "reflection"])
def test_coordinates_are_pytorchs(padding: str, sampling: str, align_corners: bool) -> None:
    x, grid = drawn(2, 3, 5, 6), 3 * drawn(2, 4, 7, 2)
    expected = functional.grid_sample(
        x,
        grid,
        mode=sampling,
        padding_mode="zeros" if padding == "constant" else padding,
        align_corners=align_corners,
    )
    if padding == "reflection" and not align_corners:
        padding = "symmetric"
    found = resample(x, grid, sampling, padding, 0.0, "normalized_minus_one_to_one", align_corners)
    assert torch.allclose(found, expected, atol=1e-4)


PLACES = torch.tensor([-1.0, -2.0, -3.7, -1.0, 0.0, 0.0, 3.5, 1.2]).reshape(1, 2, 2, 2)


@pytest.mark.parametrize(
    ("modes", "align_corners", "expected"),
    [
        ("bilinear constant 6.5 normalized_minus_one_to_one", True, [8.75, 6.5, 27.5, 6.5]),
        ("nearest border -1 unnormalized", False, [11, 11, 11, 44]),
        ("bilinear reflection -1 normalized_zero_to_one", True, [22, 36.3, 11, 34.1]),
        ("bilinear constant 1 unnormalized", False, [1, 1, 11, 1]),
        ("nearest symmetric 1 unnormalized", False, [33, 11, 11, 33]),
    ],
)
def test_coordinates_are_columns_then_rows(
    modes: str, align_corners: bool, expected: list[float]
) -> None:
    sampling, padding, value, places = modes.split()
    found = resample(FOUR, PLACES, sampling, padding, float(value), places, align_corners)
    assert torch.allclose(found.flatten(), torch.tensor(expected, dtype=torch.float32))


def test_integers_may_be_coordinates() -> None:
    places = torch.tensor([[[[0, 0], [1, 0]]]], dtype=torch.int32)
    found = resample(FOUR, places, "bilinear", "border", 0.0, "unnormalized", False)
    assert found.flatten().tolist() == [11, 22]


@pytest.mark.parametrize(
    "modes",
    [
        ("cubic", "border", 0.0, "unnormalized"),
        ("nearest", "wrap", 0.0, "unnormalized"),
        ("nearest", "border", 0.0, "polar"),
    ],
)
def test_coordinates_of_no_known_mode_are_refused(modes: tuple[str, str, float, str]) -> None:
    with pytest.raises(ValueError, match=r"_mode '(cubic|wrap|polar)' is not known here"):
        resample(FOUR, PLACES, *modes, True)
