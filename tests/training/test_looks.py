import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pocketmatte.training import looks
from pocketmatte.training.looks import Parts
from pocketmatte.training.sensor import NoiseBank

HW = (48, 40)


def random_parts(seed: int, length: int = 3, objects: int = 2) -> Parts:
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(length, objects + 1, *HW, generator=generator)
    shares[:, :, :10] = 0
    shares[:, 0, :10] = 1
    alphas = (shares / shares.sum(1, keepdim=True))[:, 1:]
    return Parts(
        foreground=torch.rand(length, 3, *HW, generator=generator),
        alphas=alphas,
        background=torch.rand(length, 3, *HW, generator=generator),
    )


def test_a_video_is_the_foreground_over_the_background() -> None:
    parts = random_parts(0)
    video = parts.video()
    total = parts.alphas[:, 0] + parts.alphas[:, 1]
    for channel in range(3):
        composed = parts.foreground[:, channel] * total + parts.background[:, channel] * (1 - total)
        torch.testing.assert_close(video.frames[:, channel], composed)
    assert video.foreground[:, :, :10].abs().max() == 0
    torch.testing.assert_close(video.foreground[:, :, 10:], parts.foreground[:, :, 10:])


def test_shares_that_sum_to_more_than_one_are_brought_back() -> None:
    parts = random_parts(1)
    crowded = Parts(
        foreground=parts.foreground, alphas=parts.alphas * 3, background=parts.background
    )
    assert crowded.video().alphas.sum(1).max() <= 1 + 1e-6


def test_parts_are_found_again_from_their_shares() -> None:
    parts = random_parts(2)
    found = looks.from_shares(
        parts.foreground * parts.alpha, parts.alphas, parts.background * (1 - parts.alpha)
    )
    torch.testing.assert_close(found.video().frames, parts.video().frames)
    torch.testing.assert_close(found.foreground[:, :, 10:], parts.foreground[:, :, 10:])


def test_harmony_of_degree_1_takes_the_backgrounds_mean_and_spread() -> None:
    generator = torch.Generator().manual_seed(5)
    foreground = 0.2 + 0.2 * torch.rand(2, 3, *HW, generator=generator)
    background = 0.5 + 0.3 * torch.rand(2, 3, *HW, generator=generator)
    alpha = (torch.rand(2, 1, *HW, generator=generator) > 0.5).float()
    inside = (alpha > 0).expand_as(foreground)
    full = looks.harmonised(foreground, alpha, background, 1.0)
    half = looks.harmonised(foreground, alpha, background, 0.5)
    for channel in range(3):
        chosen = full[:, channel][inside[:, channel]]
        before = foreground[:, channel][inside[:, channel]].mean()
        wanted = background[:, channel].mean()
        assert chosen.mean().item() == pytest.approx(wanted.item(), abs=2e-3)
        assert chosen.std().item() == pytest.approx(background[:, channel].std().item(), abs=2e-3)
        halfway = half[:, channel][inside[:, channel]].mean().item()
        assert halfway == pytest.approx(0.5 * (before + wanted).item(), abs=2e-3)


def test_harmony_of_degree_0_changes_nothing() -> None:
    parts = random_parts(3)
    same = looks.harmonised(parts.foreground, parts.alpha, parts.background, 0.0)
    torch.testing.assert_close(same, parts.foreground)


def test_blur_is_scipys_gaussian() -> None:
    picture = torch.rand(2, 3, 30, 20)
    for sigma in (0.6, 1.7):
        expected = gaussian_filter(
            picture.double().numpy(),
            (0, 0, sigma, sigma),
            mode="nearest",
            radius=max(int(3 * sigma), 1),
        )
        np.testing.assert_allclose(looks.blurred(picture, sigma).numpy(), expected, atol=1e-5)


def test_a_defocused_clip_is_the_blurred_clip() -> None:
    parts = random_parts(4)
    blurred = looks.blurred(parts.video().frames, 1.5)
    torch.testing.assert_close(
        looks.defocused(parts, 1.5).video().frames, blurred, atol=1e-3, rtol=0
    )


def test_light_drifts_about_the_clips_average() -> None:
    gains = looks.light_drift(np.random.default_rng(0), 6, 1.0)
    assert gains.shape == (6, 3, 1, 1)
    torch.testing.assert_close(gains.log().mean(0), torch.zeros(3, 1, 1), atol=1e-5, rtol=0)
    assert gains.std() > 0.01


def test_recolouring_of_strength_0_changes_nothing_and_1_does() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (2, *HW, 3), dtype=np.uint8)
    plain = torch.from_numpy(picture).permute(0, 3, 1, 2) / 255
    same = looks.recoloured(np.random.default_rng(2), picture, 0.0)
    torch.testing.assert_close(same, plain, atol=1e-5, rtol=0)
    other = looks.recoloured(np.random.default_rng(2), picture, 1.0)
    assert (other - plain).abs().mean() > 0.02
    assert other.min() >= 0
    assert other.max() <= 1


@pytest.mark.parametrize("seed", range(10))
def test_what_camera_and_codec_add_keeps_the_equation(seed: int) -> None:
    parts = random_parts(6)
    video = looks.photographed(np.random.default_rng(seed), parts, NoiseBank(HW, 0))
    torch.testing.assert_close(video.alphas, parts.alphas)
    rest = video.frames - video.foreground * video.alpha
    assert rest.min() > -1e-5
    assert (rest - (1 - video.alpha)).max() < 1e-5
    assert (video.frames - parts.video().frames).abs().mean() > 0.001
    assert torch.isfinite(video.frames).all()


def test_foreground_and_background_get_the_same_noise() -> None:
    parts = random_parts(8)
    grey = torch.full_like(parts.background, 0.5)
    alike = Parts(foreground=grey, alphas=parts.alphas, background=grey)
    for seed in range(5):
        video = looks.photographed(np.random.default_rng(seed), alike, NoiseBank(HW, 0))
        shown = (video.alpha > 0).expand_as(video.frames)
        torch.testing.assert_close(video.frames[shown], video.foreground[shown])


def test_hard_masks_stay_hard_before_the_camera() -> None:
    parts = random_parts(7)
    hard = Parts(
        foreground=parts.background,
        alphas=(parts.alphas > 0.5).float(),
        background=parts.background,
    )
    for seed in range(20):
        video = looks.photographed(np.random.default_rng(seed), hard, NoiseBank(HW, 0))
        assert set(np.unique(video.alphas.numpy())) <= {0.0, 1.0}
