import numpy as np
import torch
from numpy.typing import NDArray

from pocketmatte.training.motion import KNOTS, Track, translation
from pocketmatte.training.staging import (
    Actor,
    Backdrop,
    Shadow,
    exposures,
    filmed,
    random_attitude,
    random_camera,
    seen,
)

HW = (32, 48)
Way = NDArray[np.float64]


def way(x: float, y: float, to_x: float | None = None) -> Track:
    last = x if to_x is None else to_x
    return Track(knots=np.stack([translation(at, y) for at in np.linspace(x, last, KNOTS)]))


def square(
    track: Track,
    owner: int | None,
    colour: tuple[float, float, float] = (1, 0, 0),
    alpha: float = 1.0,
    shadow: Shadow | None = None,
) -> Actor:
    """Eight by eight pixels of one colour."""
    pixels = torch.tensor((*colour, 1.0))[None, :, None, None].expand(1, 4, 8, 8) * alpha
    return Actor(pixels=pixels.clone(), path=track, owner=owner, shadow=shadow)


def backdrop(level: float = 0.5) -> Backdrop:
    return Backdrop(pictures=torch.full((1, 3, *HW), level), path=way(0, 0))


def frames_at(*times: float) -> Way:
    return np.array(times)[:, None]


def test_an_opaque_thing_covers_exactly_its_pixels() -> None:
    parts = filmed([square(way(10, 4), 0)], backdrop(), frames_at(0.0), HW, 1)
    expected = torch.zeros(1, 1, *HW)
    expected[..., 4:12, 10:18] = 1
    torch.testing.assert_close(parts.alphas, expected, atol=1e-4, rtol=0)
    frame = parts.video().frames[0]
    torch.testing.assert_close(frame[:, 8, 14], torch.tensor((1.0, 0.0, 0.0)), atol=1e-4, rtol=0)
    torch.testing.assert_close(frame[:, 20, 30], torch.full((3,), 0.5), atol=1e-4, rtol=0)


def test_a_thing_is_hidden_while_a_nearer_one_passes_and_comes_back() -> None:
    still, passing = square(way(20, 8), 0), square(way(0, 8, 40), 1, (0, 1, 0))
    # The nearer one is at x = 0, 16, 20 and 40: it hides none, half, all and none of the other.
    parts = filmed([still, passing], backdrop(), frames_at(0.0, 0.4, 0.5, 1.0), HW, 2)
    areas = parts.alphas.sum((-2, -1))
    np.testing.assert_allclose(areas[:, 0], (64, 32, 0, 64), atol=0.05)
    np.testing.assert_allclose(areas[:, 1], (64, 64, 64, 64), atol=0.05)


def test_what_is_behind_a_translucent_thing_has_the_share_it_lets_through() -> None:
    layers = [square(way(20, 8), 0), square(way(20, 8), 1, alpha=0.25)]
    parts = filmed(layers, backdrop(), frames_at(0.0), HW, 2)
    np.testing.assert_allclose(parts.alphas[0, :, 12, 24], (0.75, 0.25), atol=1e-4)


def test_what_belongs_to_the_background_hides_objects_and_has_no_alpha() -> None:
    layers = [square(way(20, 8), 0), square(way(24, 8), None, (0, 0, 1))]
    parts = filmed(layers, backdrop(), frames_at(0.0), HW, 1)
    assert abs(float(parts.alphas.sum()) - 32) < 0.05
    frame = parts.video().frames[0]
    torch.testing.assert_close(frame[:, 12, 30], torch.tensor((0.0, 0.0, 1.0)), atol=1e-4, rtol=0)


def test_a_frame_is_the_mean_of_its_exposures() -> None:
    generator = torch.Generator().manual_seed(0)
    alpha = torch.rand(1, 1, 12, 12, generator=generator)
    pixels = torch.cat((torch.rand(1, 3, 12, 12, generator=generator) * alpha, alpha), 1)
    scene = Backdrop(pictures=torch.rand(1, 3, *HW, generator=generator), path=way(0, 0, 3))
    layers = [
        square(way(18, 8), 0, alpha=0.6),
        Actor(pixels=pixels, path=way(8, 6, 28), owner=1),
        square(way(30, 8, 20), None, (0, 0, 1), 0.5),
    ]
    times = np.array((0.2, 0.35, 0.5, 0.65))
    together = filmed(layers, scene, times[None], HW, 2)
    apart = filmed(layers, scene, times[:, None], HW, 2)
    torch.testing.assert_close(together.alphas[0], apart.alphas.mean(0))
    torch.testing.assert_close(
        together.video().frames[0], apart.video().frames.mean(0), atol=2e-3, rtol=0
    )
    torch.testing.assert_close(
        (together.foreground * together.alpha)[0], (apart.foreground * apart.alpha).mean(0),
        atol=2e-3, rtol=0,
    )  # fmt: skip


def test_layers_of_moving_pictures_show_each_frames_own() -> None:
    pixels = torch.stack([torch.full((4, 8, 8), level) for level in (0.2, 0.6)])
    actor = Actor(pixels=pixels, path=way(4, 4), owner=0)
    parts = filmed([actor], backdrop(), frames_at(0.0, 1.0), HW, 1)
    np.testing.assert_allclose(parts.alphas[:, 0, 8, 8], (0.2, 0.6), atol=1e-4)


def test_a_shadow_darkens_what_is_behind_and_changes_no_alpha() -> None:
    shadow = Shadow(strength=0.5, shift_cells=(1, 0))
    behind = square(way(20, 6), 1, (1, 1, 1))
    plain = filmed([behind, square(way(16, 0), 0)], backdrop(), frames_at(0.0), HW, 2)
    caster = square(way(16, 0), 0, shadow=shadow)
    dark = filmed([behind, caster], backdrop(), frames_at(0.0), HW, 2)
    assert torch.equal(plain.alphas, dark.alphas)
    change = (plain.video().frames - dark.video().frames)[0, 0]
    assert change.min() > -1e-5
    assert change[0:8, 16:24].max() < 1e-4  # the thing itself
    below = change[8:16, 16:24].mean()
    assert below > 0.02
    assert change[10, 25] > 0.02  # the other thing
    assert below > 2 * change[8:16, 32:40].mean()


def test_the_background_reflects_beyond_its_border() -> None:
    ramp = torch.arange(48.0).expand(1, 3, 32, 48) / 48
    scene = Backdrop(pictures=ramp.clone(), path=way(10, 0))
    frame = filmed([], scene, frames_at(0.0), HW, 1).video().frames[0, 0, 5]
    torch.testing.assert_close(frame[:10], ramp[0, 0, 0, :10].flip(0), atol=1e-3, rtol=0)


def test_still_scenes_are_exposed_once_and_fast_ones_often() -> None:
    counts: dict[float, list[int]] = {0.0: [], 40.0: [], 400.0: []}
    for seed in range(20):
        for distance, found in counts.items():
            layer = square(way(0, 0, distance), 0)
            times = exposures(np.random.default_rng(seed), 3, [layer, backdrop()], (256, 256))
            assert times.shape[0] == 3
            assert times.min() >= 0
            assert times.max() <= 1
            assert (np.diff(times.mean(1)) > 0.1).all()
            smear_px = np.ptp(times, 1).max() * distance
            assert smear_px <= 0.056 * 256
            found.append(times.shape[1])
    assert set(counts[0.0]) == {1}
    assert sum(counts[0.0]) < sum(counts[40.0]) < sum(counts[400.0])
    assert max(counts[400.0]) <= 8


def test_a_clip_of_one_frame_is_exposed_in_its_middle() -> None:
    for seed in range(5):
        times = exposures(np.random.default_rng(seed), 1, [square(way(0, 0, 9), 0)], HW)
        assert times.shape[0] == 1
        assert abs(times.mean() - 0.5) < 1e-9


def test_cameras_start_where_things_are_and_some_move() -> None:
    cameras = [random_camera(np.random.default_rng(seed), HW, 1.0).knots for seed in range(12)]
    for knots in cameras:
        np.testing.assert_allclose(knots[0], np.eye(3), atol=1e-12)
    moves = [np.abs(knots - np.eye(3)).max() > 1e-6 for knots in cameras]
    assert any(moves)
    assert not all(moves)


def test_nearer_things_move_more_with_the_camera() -> None:
    camera = way(0, 0, 10)
    at = translation(5, 5)
    far, near = (seen(camera, at, closeness).knots[-1, 0, 2] for closeness in (1.0, 1.5))
    assert (far, near) == (15, 20)


def test_a_tumbling_thing_stays_before_the_camera() -> None:
    corners = np.array(((-50, 50, -50, 50), (-50, -50, 50, 50), (1, 1, 1, 1)), float)
    for seed in range(30):
        reached = random_attitude(np.random.default_rng(seed), 100, 1.0) @ corners
        assert reached[:, 2].min() > 0.2
        assert np.abs(reached[:, :2] / reached[:, 2:]).max() < 100 * 2.5
