import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from pocketmatte.matting import trimap as app
from pocketmatte.training.trimaps import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    as_channel,
    grown,
    perturbed_trimap,
    trimap_loss,
    trimap_of,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def matte(height: int = 60, width: int = 80) -> Tensor:
    """A disk with a border that falls over six pixels, and a hard bar beside it."""
    y = torch.arange(height)[:, None] - 30.0
    x = torch.arange(width)[None, :] - 26.0
    alpha = ((18 - torch.sqrt(y * y + x * x)) / 6 + 0.5).clamp(0, 1)
    alpha[20:50, 58:70] = 1
    return alpha[None, None]


def batch(samples: int = 4) -> Tensor:
    return matte().expand(samples, -1, -1, -1)


def octagon(region: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    """What lies within ``radius`` rows and columns, and within one and a half radii of both."""
    grown_to = np.zeros_like(region)
    for y, x in np.argwhere(region):
        for ny, nx in np.ndindex(*region.shape):
            down, right = abs(int(ny - y)), abs(int(nx - x))
            near = max(down, right) <= radius and down + right <= radius + radius // 2
            grown_to[ny, nx] |= near
    return grown_to


@pytest.mark.parametrize("radius", range(6))
def test_growing_equals_an_octagon_round_every_pixel(radius: int) -> None:
    random = np.random.default_rng(radius)
    region = random.random((11, 13)) < 0.04
    region[0, 12] = True
    result = grown(torch.from_numpy(region)[None, None], torch.tensor([radius]))
    np.testing.assert_array_equal(result[0, 0].numpy(), octagon(region, radius))


def test_every_sample_grows_by_its_own_radius() -> None:
    region = torch.zeros(3, 1, 9, 9, dtype=torch.bool)
    region[:, :, 4, 4] = True
    result = grown(region, torch.tensor([0, 1, 3]))
    assert result.flatten(1).sum(1).tolist() == [1, 5, 37]
    assert result[2, 0, 4].tolist() == [False, *[True] * 7, False]


def test_without_a_radius_the_soft_border_alone_is_unknown() -> None:
    alpha = torch.tensor([[[[0.0, 0.05, 0.06, 0.5, 0.94, 0.95, 1.0]]]])
    expected = [BACKGROUND, BACKGROUND, UNKNOWN, UNKNOWN, UNKNOWN, FOREGROUND, FOREGROUND]
    assert trimap_of(alpha, torch.tensor([0])).flatten().tolist() == expected
    strict = trimap_of(alpha, torch.tensor([0]), margin=0.0).flatten().tolist()
    assert strict == [BACKGROUND, *[UNKNOWN] * 5, FOREGROUND]


def test_a_hard_border_gets_a_band_of_the_radius_to_both_sides() -> None:
    alpha = torch.zeros(2, 1, 12, 20)
    alpha[..., 10:] = 1
    bands = trimap_of(alpha, torch.tensor([1, 4]))
    for band, radius in zip(bands, (1, 4), strict=True):
        row = [BACKGROUND] * (10 - radius) + [UNKNOWN] * (2 * radius) + [FOREGROUND] * (10 - radius)
        assert band[0].tolist() == [row] * 12


@pytest.mark.parametrize("radius", [0, 2, 5, 12])
def test_trimaps_lie_between_those_that_an_app_makes_with_a_little_less_and_more(
    radius: int,
) -> None:
    ours = trimap_of(matte(), torch.tensor([radius])) == UNKNOWN
    alpha = matte().numpy()
    less, more = (
        torch.from_numpy(app.trimap_of(alpha, widen_px=px) == app.UNKNOWN)
        for px in (math.floor(radius / 1.1), math.ceil(radius * 1.15))
    )
    assert (ours | ~less).all()
    assert (more | ~ours).all()


def test_the_channel_holds_the_values_that_apps_use() -> None:
    classes = torch.tensor([BACKGROUND, UNKNOWN, FOREGROUND]).view(1, 1, 1, 3)
    channel = as_channel(classes)
    assert channel.dtype == torch.float32
    assert channel.flatten().tolist() == [app.BACKGROUND, app.UNKNOWN, app.FOREGROUND]


def test_classes_are_in_the_order_in_which_networks_give_them() -> None:
    for value, number in (
        (app.BACKGROUND, BACKGROUND),
        (app.UNKNOWN, UNKNOWN),
        (app.FOREGROUND, FOREGROUND),
    ):
        probabilities = np.zeros((1, 3, 1, 1), np.float32)
        probabilities[0, number] = 1
        assert app.decided(probabilities).item() == value


def test_a_perturbed_trimap_is_wider_here_and_narrower_there() -> None:
    true = trimap_of(batch(24), torch.full((24,), 3))
    drawn = perturbed_trimap(true, generator(), radius_px=6)
    was, now = true == UNKNOWN, drawn == UNKNOWN
    assert set(drawn.flatten().tolist()) == {BACKGROUND, UNKNOWN, FOREGROUND}
    assert (now & ~was).flatten(1).any(1).float().mean() > 0.6
    assert (was & ~now).flatten(1).any(1).float().mean() > 0.2
    # what is known moves into the band from its own side only, and by at most 2 pixels
    for known in (BACKGROUND, FOREGROUND):
        reach = grown(true == known, torch.full((24,), 2))
        assert (reach | (drawn != known)).all()
    # and the band by at most 6
    assert (grown(was, torch.full((24,), 6)) | ~now).all()


def test_perturbing_keeps_some_foreground_and_background() -> None:
    alpha = torch.zeros(32, 1, 40, 40)
    alpha[:, :, 18:23, 18:23] = 1
    true = trimap_of(alpha, torch.ones(32, dtype=torch.int64))
    drawn = perturbed_trimap(true, generator(), radius_px=12)
    for known in (BACKGROUND, FOREGROUND):
        assert (drawn == known).flatten(1).any(1).all()
    assert not torch.equal(drawn, true)


def test_perturbing_by_nothing_changes_nothing_and_seeds_repeat() -> None:
    true = trimap_of(batch(), torch.full((4,), 3))
    assert torch.equal(perturbed_trimap(true, generator(), radius_px=0), true)
    first = perturbed_trimap(true, generator(2))
    assert torch.equal(first, perturbed_trimap(true, generator(2)))
    assert not torch.equal(first, perturbed_trimap(true, generator(3)))


# The loss.


def test_the_loss_by_hand() -> None:
    logits = torch.tensor([[[[math.log(2), 0.0]], [[0.0, 0.0]], [[0.0, math.log(6)]]]])
    trimap = torch.tensor([[[[BACKGROUND, UNKNOWN]]]])
    # the right classes have 2 / 4 and 1 / 8
    plain = (math.log(2) + math.log(8)) / 2
    assert trimap_loss(logits, trimap).item() == pytest.approx(plain)
    weighted = (1 * math.log(2) + 3 * math.log(8)) / 4
    assert trimap_loss(logits, trimap, (1.0, 3.0, 1.0)).item() == pytest.approx(weighted)
    assert trimap_loss(logits, trimap, (0.0, 3.0, 1.0)).item() == pytest.approx(math.log(8))


def test_the_loss_equals_its_definition() -> None:
    logits = 2 * torch.randn(2, 3, 4, 5, generator=generator(), dtype=torch.float64)
    trimap = torch.randint(0, 3, (2, 1, 4, 5), generator=generator())
    weights = (1.0, 2.5, 0.5)
    scores, total = logits.numpy(), 0.0
    for sample, y, x in np.ndindex(2, 4, 5):
        right = int(trimap[sample, 0, y, x])
        shares = np.exp(scores[sample, :, y, x]) / np.exp(scores[sample, :, y, x]).sum()
        total -= weights[right] * math.log(shares[right])
    norm = sum(weights[number] for number in trimap.flatten().tolist())
    assert trimap_loss(logits, trimap, weights).item() == pytest.approx(total / norm)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_loss_is_0_at_the_truth_grows_with_the_error_and_stays_finite(
    dtype: torch.dtype,
) -> None:
    trimap = torch.randint(0, 3, (2, 1, 6, 7), generator=generator())
    right = torch.nn.functional.one_hot(trimap[:, 0], 3).permute(0, 3, 1, 2).to(dtype)
    losses = []
    for scale in (80, 2, 0, -2, -80):
        logits = (scale * (2 * right - 1)).requires_grad_()
        loss = trimap_loss(logits, trimap)
        loss.backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(0, abs=1e-6)
    assert losses[2] == pytest.approx(math.log(3))
    assert losses == sorted(set(losses))


def test_the_gradient_equals_finite_differences() -> None:
    logits = torch.randn(2, 3, 3, 2, generator=generator(), dtype=torch.float64).requires_grad_()
    trimap = torch.randint(0, 3, (2, 1, 3, 2), generator=generator())
    assert torch.autograd.gradcheck(lambda x: trimap_loss(x, trimap, (1.0, 2.0, 0.5)), (logits,))
