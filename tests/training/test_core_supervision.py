import math

import pytest
import torch
from torch import Tensor

from pocketmatte.training.core_supervision import (
    BOUNDARY_WEIGHT,
    SCHEDULE,
    Terms,
    change_loss,
    core_loss,
    core_supervision,
)
from pocketmatte.training.detail_losses import scaled_ddc_loss
from pocketmatte.training.trimaps import UNKNOWN, trimap_of


def rand(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def everywhere(alpha: Tensor) -> Tensor:
    return torch.ones_like(alpha, dtype=torch.bool)


def row(*values: float) -> Tensor:
    """An alpha or a mask of one row."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


# The core.


def test_the_core_loss_by_hand() -> None:
    alpha = row(0.5, 0.8, 0.9, 0.0, 1.3, -0.2)
    mask = row(1.0, 0.0, 1.0, 1.0, 1.0, 1.0)
    inside = torch.tensor([True, True, False, True, True, True]).view(1, 1, 1, 6)
    # tangents of -log at 0.05, of slope -20: 1 above it at 0, 5 at -0.2
    values = [math.log(2), math.log(5), math.log(20) + 1, 0.0, math.log(20) + 5]
    assert core_loss(alpha, mask, inside).item() == pytest.approx(sum(values) / 5)


def test_the_core_loss_pulls_from_however_far() -> None:
    alpha = torch.tensor([-80.0, -0.5, 0.02, 0.4, 1.0, 80.0]).view(1, 1, 1, 6).requires_grad_()
    mask = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]).view(1, 1, 1, 6)
    core_loss(alpha, mask, everywhere(alpha)).backward()  # type: ignore[no-untyped-call]
    assert alpha.grad is not None
    pull = (6 * alpha.grad).flatten().tolist()
    assert pull == pytest.approx([-20, -20, -20, -2.5, 20, 20])


def test_the_core_loss_is_0_at_the_mask_and_beyond_it() -> None:
    mask = (rand(1, 1, 5, 5) > 0.5).double()
    assert core_loss(mask, mask, everywhere(mask)).item() == 0
    assert core_loss(3 * mask - 1, mask, everywhere(mask)).item() == 0
    losses = [core_loss(mask + t * (1 - 2 * mask), mask, everywhere(mask)) for t in (0.1, 0.5, 1)]
    assert 0 < losses[0] < losses[1] < losses[2]
    nothing = core_loss(1 - mask, mask, torch.zeros_like(mask, dtype=torch.bool))
    assert nothing.item() == 0


# Both together.


def test_core_supervision_is_the_core_and_one_and_a_half_times_the_border() -> None:
    mask = torch.zeros(2, 1, 24, 26, dtype=torch.float64)
    mask[:, :, 6:18, 8:20] = 1
    alpha, frame = rand(2, 1, 24, 26), rand(2, 3, 24, 26, seed=1)
    radius = torch.tensor([2, 4])
    border = trimap_of(mask, radius) == UNKNOWN
    core = core_loss(alpha, mask, ~border)
    boundary = scaled_ddc_loss(alpha, frame, border)
    total = core_supervision(alpha, frame, mask, radius)
    assert total.item() == pytest.approx((core + 1.5 * boundary).item())
    without = core_supervision(alpha, frame, mask, radius, boundary_weight=0.0)
    assert without.item() == pytest.approx(core.item())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_core_supervision_is_finite_far_outside_0_1(dtype: torch.dtype) -> None:
    mask = torch.zeros(1, 1, 20, 20, dtype=dtype)
    mask[..., 8:] = 1
    alpha = (160 * rand(1, 1, 20, 20) - 80).to(dtype).requires_grad_()
    frame = rand(1, 3, 20, 20).to(dtype)
    loss = core_supervision(alpha, frame, mask, torch.tensor([3]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert alpha.grad is not None
    assert torch.isfinite(alpha.grad).all()
    assert (alpha.grad != 0).float().mean() > 0.4


def test_gradients_equal_finite_differences() -> None:
    mask = torch.zeros(1, 1, 8, 9, dtype=torch.float64)
    mask[..., 4:] = 1
    alpha, frame = rand(1, 1, 8, 9, seed=2).requires_grad_(), rand(1, 3, 8, 9, seed=3)
    radius = torch.tensor([2])
    assert torch.autograd.gradcheck(
        lambda x: core_supervision(x, frame, mask, radius), (alpha,), eps=1e-7
    )


def test_a_hard_mask_learns_the_soft_border_of_the_picture() -> None:
    """The use of it all: alpha trained on a hard mask alone comes nearer to the true matte."""
    true = torch.zeros(1, 1, 14, 13, dtype=torch.float64)
    true[..., 5:8] = rand(1, 1, 14, 3)
    true[..., 8:] = 1
    front, back = (
        true.new_tensor(rgb).view(1, 3, 1, 1) for rgb in ((0.9, 0.2, 0.2), (0.1, 0.2, 0.8))
    )
    frame = true * front + (1 - true) * back
    mask = true.round()
    alpha = mask.clone().requires_grad_()
    optimiser = torch.optim.Adam([alpha], lr=0.05)
    for _ in range(25):
        optimiser.zero_grad()
        loss = core_supervision(alpha, frame, mask, torch.tensor([2]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    inside = (true > 0) & (true < 1)
    before, after = ((x - true).abs()[inside].mean().item() for x in (mask, alpha.detach()))
    assert after < 0.6 * before


# The change of the matte.


def test_the_change_loss_by_hand() -> None:
    before = torch.zeros(1, 1, 4, 8)
    now = before.clone()
    now[0, 0, 3, 0] = 0.5  # in the left cell of 4 x 4 pixels
    now[0, 0, 0, 7] = 0.005  # too little
    logits = torch.tensor([[[[math.log(3), math.log(3)]]]])
    expected = (-math.log(3 / 4) - math.log(1 / 4)) / 2
    assert change_loss(logits, now, before).item() == pytest.approx(expected)
    certain = torch.tensor([[[[80.0, -80.0]]]])
    assert change_loss(certain, now, before).item() == pytest.approx(0)
    assert change_loss(-certain.bfloat16(), now, before).item() == pytest.approx(80)


# The schedule.


def test_masks_train_the_matte_in_long_clips_only() -> None:
    supervised = {at for at, terms in SCHEDULE.items() if terms.core or terms.boundary}
    assert supervised == {("long", "mask")}
    assert SCHEDULE["long", "mask"].boundary == BOUNDARY_WEIGHT == 1.5


def test_the_matte_loss_needs_alpha_and_the_segmentation_a_mask() -> None:
    for (_, known), terms in SCHEDULE.items():
        assert (terms.matte > 0) == (known == "alpha")
        assert (terms.segmentation > 0) == (known == "mask")
    assert SCHEDULE["stills", "alpha"] == Terms(matte=1.0)
