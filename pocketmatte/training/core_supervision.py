"""How masks train a matting network beside mattes, and what counts when.

Yang, Zhou, Zhao, Tao, Loy, "MatAnyone: Stable Video Matting with Consistent Memory Propagation",
CVPR 2025. Where a true matte is known, the network learns it by ``losses.alpha_loss``: L1,
Laplacian pyramid and temporal coherence. Videos with hard masks only are far more common. They say
what is object and what is not away from the border, in the core, and the picture itself says how
alpha changes along it (``detail_losses``).
"""

import dataclasses
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.training.detail_losses import scaled_ddc_loss
from pocketmatte.training.precision import at_least_float32
from pocketmatte.training.trimaps import UNKNOWN, trimap_of

BOUNDARY_WEIGHT = 1.5  # of scaled DDC beside the core, as published

# Below this probability of the right answer cross-entropy goes on along its tangent.
_STRAIGHT_BELOW = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What counts in a step of MatAnyone's published training, and how much; 0 is left out.

    Attributes:
        matte: ``losses.alpha_loss`` of the matte.
        segmentation: Cross-entropy and dice of the head that is for training only.
        core: ``core_loss`` of the matte, away from the mask's border.
        boundary: ``scaled_ddc_loss`` of the matte, along the mask's border.
        change: ``change_loss`` of the predicted change.
    """

    matte: float = 0.0
    segmentation: float = 0.0
    core: float = 0.0
    boundary: float = 0.0
    change: float = 0.0


# The published schedule, by stage and by what is known of the clip, "alpha" or "mask"; our reading
# of the paper. Short clips first, in which masks train the head beside the matte; then long ones,
# in which they train the matte too; at last pictures with the finest mattes, alone. A record: the
# network for phones has no such head, so in ``tasks.matanyone`` masks train the matte, by
# ``core_supervision``, in every stage.
SCHEDULE = MappingProxyType(
    {
        ("short", "alpha"): Terms(matte=1.0, change=1.0),
        ("short", "mask"): Terms(segmentation=1.0, change=1.0),
        ("long", "alpha"): Terms(matte=1.0, change=1.0),
        ("long", "mask"): Terms(segmentation=1.0, core=1.0, boundary=BOUNDARY_WEIGHT, change=1.0),
        ("stills", "alpha"): Terms(matte=1.0),
    }
)


def core_supervision(
    alpha: Tensor,
    frame: Tensor,
    mask: Tensor,
    radius_px: Tensor,
    boundary_weight: float = BOUNDARY_WEIGHT,
) -> Tensor:
    """Return the loss of a matte of which only a hard mask is known.

    ``core + 1.5 boundary``, as MatAnyone has it: ``core_loss`` farther than the radius from the
    mask's border, ``scaled_ddc_loss`` within.

    Args:
        alpha: ``(N, 1, H, W)``, predicted; need not be clamped.
        frame: ``(N, 3, H, W)`` RGB in 0..1.
        mask: ``(N, 1, H, W)``, 0 or 1.
        radius_px: ``(N,)`` integers, at least 1, half the width of each sample's border.
        boundary_weight: Of the second term.
    """
    border = trimap_of(mask, radius_px) == UNKNOWN
    core = core_loss(alpha, mask, ~border)
    return core + boundary_weight * scaled_ddc_loss(alpha, frame, border)


def core_loss(alpha: Tensor, mask: Tensor, core: Tensor) -> Tensor:
    """Return the cross-entropy of alpha, taken as a probability, against a mask in its core.

    ``-log(q)`` with ``q`` the alpha of foreground and ``1 - alpha`` of background. A matting head
    gives alpha, not logits, and may leave 0..1: below 0.05 the logarithm goes on as its tangent,
    so the gradient is bounded and vanishes nowhere on the wrong side; ``q`` above 1 costs nothing.

    Args:
        alpha: ``(N, 1, H, W)``, predicted; need not be clamped.
        mask: ``(N, 1, H, W)``, 0 or 1.
        core: ``(N, 1, H, W)`` bool, where the mask is to be believed.

    Returns:
        The mean over the core; 0 if there is none.
    """
    a = at_least_float32(alpha)
    right = torch.where(mask > 0.5, a, 1 - a)
    curve = -right.clamp(_STRAIGHT_BELOW, 1).log()
    tangent = (_STRAIGHT_BELOW - right).clamp(min=0) / _STRAIGHT_BELOW
    inside = core.to(a.dtype)
    return ((curve + tangent) * inside).sum() / inside.sum().clamp(min=1)


def change_loss(logits: Tensor, alpha: Tensor, alpha_before: Tensor, least: float = 0.01) -> Tensor:
    """Return the cross-entropy of a predicted change of the matte since the frame before.

    A cell of the prediction changed where alpha did by more than ``least`` anywhere in it.

    Args:
        logits: ``(N, 1, h, w)``, of the probability of change.
        alpha: ``(N, 1, H, W)`` in 0..1, true; H and W are multiples of h and w.
        alpha_before: Of the same shape, of the frame before.
        least: Difference of alpha from which on it counts.
    """
    changed = ((alpha - alpha_before).abs() > least).to(torch.float32)
    sides = [whole // part for whole, part in zip(alpha.shape[2:], logits.shape[2:], strict=True)]
    wide = at_least_float32(logits)
    target = functional.max_pool2d(changed, sides).to(wide.dtype)
    return functional.binary_cross_entropy_with_logits(wide, target)
