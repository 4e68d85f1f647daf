import numpy as np
import pytest
import torch

from pocketmatte.training import shapes
from pocketmatte.training.hair import grow_hair
from pocketmatte.training.looks import NEUTRAL
from pocketmatte.training.objects import BORDERS, random_surface, random_thing
from pocketmatte.training.shapes import SOLID, THIN, Stencil

SIDE_PX = 120
PHOTO = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)


def alphas(border: str, count: int = 12) -> list[np.ndarray]:
    return [
        random_surface(np.random.default_rng(seed), border, SIDE_PX).alpha / 255
        for seed in range(count)
    ]


def fractional_share(alpha: np.ndarray) -> float:
    """Of what shows, how much is neither clear nor opaque."""
    return float(((alpha > 0.02) & (alpha < 0.98)).sum() / max((alpha > 0.02).sum(), 1))


@pytest.mark.parametrize("name", sorted({*SOLID, *THIN}))
def test_every_shape_fills_part_of_its_picture_and_stays_within(name: str) -> None:
    draw = {**SOLID, **THIN}[name]
    for seed in range(10):
        stencil = Stencil(SIDE_PX)
        roots = draw(np.random.default_rng(seed), stencil)
        alpha = np.asarray(stencil.finish()) / 255
        assert 0.005 < alpha.mean() < 0.75
        edge = np.concatenate((alpha[:2].ravel(), alpha[-2:].ravel(), alpha[:, 0], alpha[:, -1]))
        assert edge.max() == 0
        assert np.abs(roots).max() <= 1


def test_a_filled_outline_covers_its_area() -> None:
    stencil = Stencil(SIDE_PX)
    stencil.fill(np.array(((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))))
    alpha = np.asarray(stencil.finish()) / 255
    assert alpha.mean() == pytest.approx(0.25, abs=0.01)
    assert alpha[60, 60] == 1


def test_hard_borders_are_thin_and_the_other_kinds_are_not() -> None:
    hard = np.median([fractional_share(alpha) for alpha in alphas("hard")])
    assert hard < 0.2
    for border in BORDERS[1:]:
        share = np.median([fractional_share(alpha) for alpha in alphas(border)])
        assert share > 1.5 * hard, border


@pytest.mark.parametrize("border", BORDERS)
def test_no_border_is_cut_by_the_edge_of_its_picture(border: str) -> None:
    for alpha in alphas(border, 20):
        edge = np.concatenate((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
        assert edge.max() < 0.03


@pytest.mark.parametrize("border", ["veil", "glass"])
def test_translucent_things_let_light_through_their_middle(border: str) -> None:
    for alpha in alphas(border):
        visible = alpha[alpha > 0.1]
        assert 0.19 < np.median(visible) < 0.91
        assert (visible < 0.91).all()


def test_hair_gets_thinner_outwards() -> None:
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    circle = 0.4 * np.stack((np.cos(turn), np.sin(turn)), -1)
    total = np.zeros((SIDE_PX, SIDE_PX))
    for seed in range(8):
        stencil, shade = Stencil(SIDE_PX), Stencil(SIDE_PX, 128)
        grow_hair(np.random.default_rng(seed), stencil, shade, circle, 0.4)
        total += np.asarray(stencil.finish()) / 255
        assert np.asarray(shade.finish()).std() > 1
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] + 0.5 - SIDE_PX / 2
    radius = np.hypot(x, y) / (SIDE_PX / 2)
    rings = [
        total[(radius >= low) & (radius < low + 0.08)].mean() for low in (0.42, 0.5, 0.58, 0.66)
    ]
    assert rings == sorted(rings, reverse=True)
    assert rings[-1] > 0
    # Strands, not a veil: at one radius there are gaps between them.
    stencil = Stencil(SIDE_PX)
    grow_hair(np.random.default_rng(1), stencil, Stencil(SIDE_PX), circle, 0.4)
    ring = (np.asarray(stencil.finish()) / 255)[(radius > 0.55) & (radius < 0.6)]
    assert (ring < 0.05).any()
    assert (ring > 0.3).any()


def test_larger_scale_draws_larger() -> None:
    outline = shapes.blob(np.random.default_rng(4))
    areas = []
    for scale in (0.5, 1.0):
        stencil = Stencil(SIDE_PX, scale=scale)
        stencil.fill(outline)
        areas.append(np.asarray(stencil.finish()).sum())
    assert areas[1] == pytest.approx(4 * areas[0], rel=0.1)


def test_things_are_premultiplied_finite_and_within_their_ranges() -> None:
    for seed in range(25):
        pieces = random_thing(np.random.default_rng(seed), PHOTO, SIDE_PX, 0.0, NEUTRAL)
        for piece in pieces:
            assert piece.pixels.shape[0] == 4
            assert piece.pixels.dtype == torch.float32
            assert piece.pixels.min() >= 0
            assert (piece.pixels[:3] <= piece.pixels[3:] + 1e-6).all()
            assert piece.path.knots.shape == (65, 3, 3)
        assert max(float(piece.pixels[3].max()) for piece in pieces) > 0.15


def test_some_things_bend_some_swing_and_some_are_rigid() -> None:
    things = [
        random_thing(np.random.default_rng(seed), PHOTO, 48, 0.0, NEUTRAL) for seed in range(40)
    ]
    single = [pieces[0] for pieces in things if len(pieces) == 1]
    assert any(piece.bend is None for piece in single)
    assert any(piece.bend is not None for piece in single)
    jointed = [pieces for pieces in things if len(pieces) > 2]
    assert jointed
    for pieces in jointed:
        assert any(np.ptp(piece.path.knots, 0).max() > 0.01 for piece in pieces)


def test_a_defocused_thing_has_a_softer_border() -> None:
    def softness(blur_px: float) -> float:
        shares = []
        for seed in range(20):
            pieces = random_thing(np.random.default_rng(seed), PHOTO, SIDE_PX, blur_px, NEUTRAL)
            shares += [fractional_share(piece.pixels[3].numpy()) for piece in pieces]
        return float(np.mean(shares))

    assert softness(3.0) > 1.3 * softness(0.0)


def test_the_same_seed_gives_the_same_thing() -> None:
    first, second = (
        random_thing(np.random.default_rng(6), PHOTO, SIDE_PX, 1.0, NEUTRAL) for _ in "ab"
    )
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.path.knots, other.path.knots)
