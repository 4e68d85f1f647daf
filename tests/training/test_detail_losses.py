import math
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from pocketmatte.training.detail_losses import (
    NEIGHBOURS,
    WINDOW_PX,
    ddc_loss,
    scaled_ddc_loss,
)

Array = npt.NDArray[np.float64]


class Loss(Protocol):
    def __call__(
        self,
        alpha: Tensor,
        frame: Tensor,
        where: Tensor,
        *,
        window_px: int = ...,
        neighbours: int = ...,
    ) -> Tensor: ...


def rand(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def everywhere(alpha: Tensor) -> Tensor:
    return torch.ones_like(alpha, dtype=torch.bool)


def row(*values: float) -> Tensor:
    """A picture of one row, or an alpha of one."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def grey(*values: float) -> Tensor:
    """A picture of one row, whose greys are ``values`` apart by the Euclidean distance."""
    return row(*values).expand(-1, 3, -1, -1) / math.sqrt(3)


def slow_ddc(
    alpha: Array, frame: Array, where: npt.NDArray[np.bool_], side: int, count: int, *, scaled: bool
) -> float:
    """The formulas pixel by pixel, for one picture; ``frame`` is (H, W, 3)."""
    reach, height, width = side // 2, *alpha.shape
    total = 0.0
    for y, x in np.argwhere(where):
        near = [
            (ny, nx)
            for ny in range(max(y - reach, 0), min(y + reach + 1, height))
            for nx in range(max(x - reach, 0), min(x + reach + 1, width))
            if (ny, nx) != (y, x)
        ]
        apart = {place: float(np.linalg.norm(frame[place] - frame[y, x])) for place in near}
        by_alpha = sorted(near, key=lambda place: alpha[place])
        back, front = (
            np.mean([frame[place] for place in places], axis=0)
            for places in (by_alpha[:count], by_alpha[-count:])
        )
        contrast = float(np.linalg.norm(front - back)) if scaled else 1.0
        for place in sorted(near, key=lambda place: apart[place])[:count]:
            total += abs((alpha[y, x] - alpha[place]) * contrast - apart[place])
    return total / np.count_nonzero(where)


# Directional distance consistency.


def test_ddc_by_hand() -> None:
    # The middle pixel's nearest colour is 0.1 away, on its right; alpha falls by 0.5 towards it.
    frame, alpha = grey(0.0, 0.4, 0.5), row(0.2, 0.9, 0.4)
    middle = torch.tensor([False, True, False]).view(1, 1, 1, 3)
    one = ddc_loss(alpha, frame, middle, window_px=3, neighbours=1)
    assert one.item() == pytest.approx(abs(0.5 - 0.1))
    with pytest.raises(ValueError, match="give an odd window and 1 to 1 neighbours"):
        ddc_loss(alpha, frame, middle, window_px=3, neighbours=2)
    both = ddc_loss(alpha, frame, middle, window_px=5, neighbours=2)
    assert both.item() == pytest.approx(abs(0.5 - 0.1) + abs(0.7 - 0.4))


def test_ddc_sees_the_direction() -> None:
    frame, first = grey(0.0, 0.3), torch.tensor([True, False]).view(1, 1, 1, 2)
    options = {"window_px": 3, "neighbours": 1}
    down = ddc_loss(row(0.3, 0.0), frame, first, **options)
    up = ddc_loss(row(0.0, 0.3), frame, first, **options)
    assert down.item() == pytest.approx(0)
    assert up.item() == pytest.approx(0.6)


def test_scaled_ddc_by_hand() -> None:
    # Foreground 0.5, background 0.1: contrast 0.4; the middle pixel is half of each.
    frame, alpha = grey(0.5, 0.3, 0.1), row(1.0, 0.5, 0.0)
    middle = torch.tensor([False, True, False]).view(1, 1, 1, 3)
    options = {"window_px": 3, "neighbours": 1}
    nearest_left = scaled_ddc_loss(alpha, grey(0.5, 0.31, 0.1), middle, **options)
    assert nearest_left.item() == pytest.approx(abs(-0.5 * 0.4 - 0.19))
    nearest_right = scaled_ddc_loss(alpha, grey(0.5, 0.29, 0.1), middle, **options)
    assert nearest_right.item() == pytest.approx(abs(0.5 * 0.4 - 0.19))
    plain = ddc_loss(alpha, frame, middle, window_px=5, neighbours=2)
    assert plain.item() == pytest.approx(abs(0.5 - 0.2) + abs(-0.5 - 0.2))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("side", "count"), [(3, 3), (5, 4), (11, 8)])
def test_both_equal_their_formulas(scaled: bool, side: int, count: int) -> None:
    alpha, frame, where = rand(2, 1, 7, 9), rand(2, 3, 7, 9, seed=1), rand(2, 1, 7, 9) < 0.4
    loss = scaled_ddc_loss if scaled else ddc_loss
    result = loss(alpha, frame, where, window_px=side, neighbours=count).item()
    counts = where.flatten(1).sum(1).tolist()
    expected = [
        slow_ddc(
            alpha[sample, 0].numpy(),
            frame[sample].permute(1, 2, 0).numpy(),
            where[sample, 0].numpy(),
            side,
            count,
            scaled=scaled,
        )
        for sample in range(2)
    ]
    assert result == pytest.approx(np.average(expected, weights=counts))


def test_no_alpha_does_better_than_the_true_one_where_colours_are_1_apart() -> None:
    # All 24 others of 5 x 5 pixels, so every pair is seen from both sides.
    true = rand(1, 1, 5, 5)
    frame = blend(true, (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def loss(alpha: Tensor) -> float:
        return ddc_loss(alpha, frame, everywhere(true), window_px=9, neighbours=24).item()

    apart = (true.view(-1, 1) - true.view(1, -1)).abs().sum().item()
    assert loss(true) == pytest.approx(apart / 25)  # 0 seen from above, twice as much from below
    assert loss(0.3 * true + 0.5) == pytest.approx(loss(true))
    assert loss(1.5 * true) > 1.2 * loss(true)
    for seed in range(1, 11):
        assert loss(true + 0.2 * rand(1, 1, 5, 5, seed=seed)) > loss(true)


def soft_border() -> Tensor:
    """Alpha of a background, three columns of all values, and a foreground."""
    alpha = torch.zeros(1, 1, 14, 13, dtype=torch.float64)
    alpha[..., 5:8] = rand(1, 1, 14, 3)
    alpha[..., 8:] = 1
    return alpha


def blend(alpha: Tensor, front: tuple[float, ...], back: tuple[float, ...]) -> Tensor:
    colours = [alpha.new_tensor(colour).view(1, 3, 1, 1) for colour in (front, back)]
    return alpha * colours[0] + (1 - alpha) * colours[1]


def test_scaling_multiplies_alpha_by_the_contrast_of_the_window() -> None:
    true = soft_border()
    frame = blend(true, (0.6, 0.5, 0.4), (0.5, 0.7, 0.6))
    border = (true > 0) & (true < 1)
    scaled = scaled_ddc_loss(true, frame, border)
    assert scaled.item() == pytest.approx(ddc_loss(0.3 * true, frame, border).item())
    assert ddc_loss(true, frame, border) > 2 * scaled


def test_a_hard_step_is_worse_than_the_true_soft_border() -> None:
    true = soft_border()
    frame = blend(true, (0.3, 0.3, 0.3), (0.2, 0.2, 0.2))
    border = (true > 0) & (true < 1)
    assert scaled_ddc_loss(true.round(), frame, border) > 1.5 * scaled_ddc_loss(true, frame, border)


def test_where_foreground_and_background_are_alike_there_is_no_gradient() -> None:
    alpha = soft_border().requires_grad_()
    frame = torch.full((1, 3, 14, 13), 0.4, dtype=torch.float64)
    scaled_ddc_loss(alpha, frame, everywhere(alpha)).backward()  # type: ignore[no-untyped-call]
    assert alpha.grad is not None
    assert (alpha.grad == 0).all()


@pytest.mark.parametrize("loss", [ddc_loss, scaled_ddc_loss])
def test_without_a_border_the_loss_is_0_and_can_be_trained_through(loss: Loss) -> None:
    alpha = rand(1, 1, 12, 12).requires_grad_()
    result = loss(alpha, rand(1, 3, 12, 12), torch.zeros(1, 1, 12, 12, dtype=torch.bool))
    assert result.item() == 0
    result.backward()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("loss", [ddc_loss, scaled_ddc_loss])
def test_windows_and_neighbours_that_do_not_fit_are_refused(loss: Loss) -> None:
    alpha, frame = rand(1, 1, 6, 6), rand(1, 3, 6, 6)
    with pytest.raises(ValueError, match="window_px is 4"):
        loss(alpha, frame, everywhere(alpha), window_px=4)
    with pytest.raises(ValueError, match="neighbours 9; give an odd window and 1 to 8"):
        loss(alpha, frame, everywhere(alpha), window_px=5, neighbours=9)


def test_gradients_equal_finite_differences() -> None:
    alpha, frame = rand(1, 1, 8, 9, seed=2).requires_grad_(), rand(1, 3, 8, 9, seed=3)
    for loss in (ddc_loss, scaled_ddc_loss):
        assert torch.autograd.gradcheck(
            lambda x, loss=loss: loss(x, frame, everywhere(x), window_px=5), (alpha,), eps=1e-7
        )


def test_the_window_is_the_published_one_and_its_corner_has_enough_neighbours() -> None:
    assert WINDOW_PX == 11
    assert NEIGHBOURS < (WINDOW_PX // 2 + 1) ** 2
