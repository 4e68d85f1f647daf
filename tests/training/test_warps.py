import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from pocketmatte.training.motion import KNOTS, Track, rotation, scaling, translation
from pocketmatte.training.warps import Bend, random_bend, reach, sampled, thin_plate_basis


def square(side: int) -> np.ndarray:
    line = np.linspace(-1, 1, side)
    return np.array([(x, y) for y in line for x in line])


@pytest.mark.parametrize("points", [3, 4, 5])
def test_the_thin_plate_is_the_spline_that_scipy_fits(points: int) -> None:
    values = np.random.default_rng(points).normal(size=(points**2, 2))
    fitted = RBFInterpolator(square(points), values, kernel="thin_plate_spline", degree=1)
    np.testing.assert_allclose(thin_plate_basis(points, 9) @ values, fitted(square(9)), atol=1e-8)


def test_a_thin_plate_keeps_straight_what_is_moved_evenly() -> None:
    control, wanted = square(4), square(17)
    linear = np.array(((0.3, -0.2), (0.1, 0.4)))
    moved = control @ linear + (0.5, -0.25)
    np.testing.assert_allclose(
        thin_plate_basis(4, 17) @ moved, wanted @ linear + (0.5, -0.25), atol=1e-10
    )


def test_a_track_goes_through_its_knots_and_straight_between_them() -> None:
    track = Track(knots=np.arange(KNOTS, dtype=float) ** 2)
    at = track.at(np.array((0.0, 3 / 64, 3.5 / 64, 1.0, 1.2)))
    np.testing.assert_allclose(at, (0, 9, 12.5, 64**2, 64**2))


def test_a_moved_picture_is_its_pixels_elsewhere() -> None:
    picture = torch.rand(2, 5, 7)
    shown = sampled(picture, translation(3, 2)[None], (0, 0, 10, 12))
    expected = torch.zeros(1, 2, 10, 12)
    expected[:, :, 2:7, 3:10] = picture
    torch.testing.assert_close(shown, expected, atol=2e-5, rtol=0)


def test_a_projective_map_shows_each_point_where_it_leads() -> None:
    # A picture whose values are its coordinates tells which of its points a pixel shows.
    y, x = torch.meshgrid(torch.arange(40) + 0.5, torch.arange(60) + 0.5, indexing="ij")
    matrix = np.array(((1.1, 0.2, -4.0), (-0.1, 0.9, 3.0), (0.002, -0.001, 1.0)))
    shown = sampled(torch.stack((x, y)), matrix[None], (12, 15, 30, 40))[0]
    for row, column in ((12, 15), (20, 33), (29, 39)):
        at = np.linalg.solve(matrix, (column + 0.5, row + 0.5, 1.0))
        found = shown[:, row - 12, column - 15].numpy()
        np.testing.assert_allclose(found, at[:2] / at[2], atol=1e-3)


def test_a_map_and_its_multiple_show_the_same() -> None:
    picture, matrix = torch.rand(1, 8, 8), scaling(1.5, 1.5)
    box = (0, 0, 12, 12)
    torch.testing.assert_close(
        sampled(picture, 2.0 * matrix[None], box), sampled(picture, matrix[None], box)
    )


def test_an_even_bend_shows_what_lies_aside() -> None:
    x = (torch.arange(64) + 0.5).expand(1, 64, 64)
    # Half a side is 32 pixels: a quarter of it is 8.
    bend = Bend(
        modes=np.full((1, 9, 2), (0.25, 0.0)),
        weights=Track(knots=np.linspace(0, 1, KNOTS)[:, None]),
    )
    times = np.array((0.0, 0.5, 1.0))
    shown = sampled(x, np.stack([np.eye(3)] * 3), (0, 0, 64, 64), bend.fields(times))
    torch.testing.assert_close(shown[0], x, atol=1e-3, rtol=0)
    torch.testing.assert_close(shown[1, :, :, :40], x[:, :, :40] + 4, atol=1e-3, rtol=0)
    torch.testing.assert_close(shown[2, :, :, :40], x[:, :, :40] + 8, atol=1e-3, rtol=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nothing_shows_outside_of_the_box_that_is_reached(seed: int) -> None:
    random = np.random.default_rng(seed)
    centre = random.uniform(-10, 50, 2)
    matrix = (
        translation(*centre)
        @ rotation(random.uniform(0, 6))
        @ scaling(random.uniform(0.4, 2), random.uniform(0.4, 2))
        @ translation(-8, -6)
    )
    matrix[2, :2] = random.uniform(-2e-3, 2e-3, 2)
    fields = random_bend(random, 0.2).fields(np.array((0.7,)))
    whole = sampled(torch.ones(1, 12, 16), matrix[None], (0, 0, 40, 40), fields)
    box = reach(matrix[None], (12, 16), (40, 40), float(fields.abs().max()))
    if box is not None:
        whole[..., box[0] : box[2], box[1] : box[3]] = 0
    assert whole.max() == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_bend_moves_smoothly_and_within_its_strength(seed: int) -> None:
    bend = random_bend(np.random.default_rng(seed), 0.1)
    fields = bend.fields(np.linspace(0, 1, 65))
    assert fields.shape == (65, 2, 17, 17)
    assert 0.01 < fields.abs().max() < 0.45  # two modes, and what the spline overshoots
    assert (fields[1:] - fields[:-1]).abs().max() < 0.06


def test_a_held_side_stays() -> None:
    bend = random_bend(np.random.default_rng(3), 0.2).held_at(("bottom", "right"))
    fields = bend.fields(np.linspace(0, 1, 5))
    corners = fields[..., [-1, -1, 0], [-1, 0, -1]]
    torch.testing.assert_close(corners, torch.zeros_like(corners), atol=1e-6, rtol=0)
    assert fields[..., 0, 0].abs().max() > 0.01
