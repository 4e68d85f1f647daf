"""Losses of masks: what foreground, scribble, propagation and fusion are trained by.

All of them work in float32 at least, whatever the network computed in, so half precision neither
overflows in an exponent nor loses a mean over many pixels.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.training.precision import at_least_float32

# Of an object that is not there: its probability is exactly 0 in float32, its gradient too.
_ABSENT = -1e4

_LEAST_SHARE = 1e-3  # of an attention; its logarithm stays finite


def bootstrap_share(step: int, first: int, last: int, least: float = 0.15) -> float:
    """Return the share of pixels, the hardest ones, that counts at a step of training.

    All of them up to ``first``, ``least`` from ``last`` on, linear in between: Cheng, Tai, Tang
    (MiVOS), CVPR 2021, who go down to 0.15 between steps 20 000 and 70 000 of propagation and
    10 000 and 30 000 of scribbles.

    Raises:
        ValueError: If ``first`` is not before ``last``, or ``least`` outside (0, 1].
    """
    if not first < last:
        msg = f"first is {first} and last {last}; the share falls from the former to the latter"
        raise ValueError(msg)
    _check_share("least", least)
    passed = min(max((step - first) / (last - first), 0.0), 1.0)
    return 1.0 - (1.0 - least) * passed


def bootstrapped_bce(
    logits: Tensor, true: Tensor, share: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return the mean binary cross-entropy of the hardest pixels of every sample.

    ``-true log(p) - (1 - true) log(1 - p)`` with ``p = sigmoid(logits)``; of the pixels of each
    sample the ``share`` with the largest values counts (Wu, Shen, van den Hengel: "Bridging
    Category-level and Instance-level Semantic Image Segmentation", 2016).

    Args:
        logits: ``(N, ...)``.
        true: Of the same shape, 0..1.
        share: In (0, 1]; 1 for the plain mean. See ``bootstrap_share``.
        weight: Of the same shape, at least 0, of mean 1; what the pixels' values are multiplied
            by before the hardest are taken. See ``boundary_weight``.

    Raises:
        ValueError: If ``share`` is outside (0, 1].
    """
    losses = functional.binary_cross_entropy_with_logits(
        at_least_float32(logits), at_least_float32(true), reduction="none"
    )
    return _hardest(losses if weight is None else losses * weight, share)


def aggregated_logits(logits: Tensor, present: Tensor | None = None) -> Tensor:
    """Let the objects of a frame and the background compete for every pixel.

    With probabilities ``p_k = sigmoid(l_k)``, the background has ``p_0 = prod(1 - p_k)``, and each
    gets its part of the sum of all odds ``p / (1 - p)`` (Oh et al., "Video Object Segmentation
    using Space-Time Memory Networks", ICCV 2019, section 3.6). Odds over their sum are the softmax
    of the logits, and that of the background is ``-log(prod(1 + exp(l_k)) - 1)``. Object by object
    the logarithm is ``a_k = log(exp(a) + exp(l_k) + exp(a + l_k))`` of the ``a`` before, which
    needs no probability near 0 or 1 and overflows nowhere.

    Args:
        logits: ``(N, K, H, W)``, of each object by itself.
        present: ``(N, K)``, True for an object that there is; all of them if left out.

    Returns:
        ``(N, K + 1, H, W)``, float32 or float64, background first: their softmax over the second
        axis is the distribution.
    """
    own = at_least_float32(logits)
    if present is not None:
        own = own.masked_fill(~present[:, :, None, None], _ABSENT)
    any_of_them = own[:, :1]
    for number in range(1, own.shape[1]):
        one = own[:, number : number + 1]
        either = torch.logaddexp(any_of_them, one)
        any_of_them = torch.logaddexp(either, any_of_them + one)
    return torch.cat((-any_of_them, own), dim=1)


def bootstrapped_cross_entropy(
    aggregated: Tensor,
    masks: Tensor,
    share: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy of objects and background over each sample's hardest pixels.

    ``-sum_k t_k log(s_k)`` with ``s = softmax(aggregated)`` and ``t`` the masks with what they
    leave to the background. Where masks are soft its minimum is their entropy, else 0.

    Args:
        aggregated: ``(N, K + 1, H, W)``, of ``aggregated_logits``.
        masks: ``(N, K, H, W)``, 0..1; their sum over the objects is at most 1.
        share: As of ``bootstrapped_bce``.
        weight: ``(N, 1, H, W)``, otherwise as of ``bootstrapped_bce``.

    Raises:
        ValueError: If ``share`` is outside (0, 1].
    """
    logarithms = functional.log_softmax(at_least_float32(aggregated), dim=1)
    objects = masks.to(logarithms.dtype)
    background = (1 - objects.sum(1, keepdim=True)).clamp(min=0)  # a sum of shares may round up
    losses = -(torch.cat((background, objects), dim=1) * logarithms).sum(1, keepdim=True)
    return _hardest(losses if weight is None else losses * weight, share)


def dice_loss(probabilities: Tensor, true: Tensor) -> Tensor:
    """Return ``1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)``, the mean over samples and objects.

    Milletari, Navab, Ahmadi: "V-Net", 3DV 2016; the added 1 keeps an object that is neither there
    nor predicted at 0. It is 0 where a hard mask is met.

    Args:
        probabilities: ``(N, K, H, W)`` in 0..1, not logits.
        true: Of the same shape, 0..1.
    """
    p, t = at_least_float32(probabilities).flatten(2), at_least_float32(true).flatten(2)
    return (1 - (2 * (p * t).sum(2) + 1) / (p.sum(2) + t.sum(2) + 1)).mean()


def boundary_weight(true: Tensor, radius_px: int = 15, gain: float = 5.0) -> Tensor:
    """Return weights that are larger the more a pixel differs from what surrounds it.

    ``1 + gain |mean of true within the window - true|``, of every sample divided by its mean:
    Wei, Wang, Huang, "F3Net: Fusion, Feedback and Focus for Salient Object Detection", AAAI 2020,
    there with a window of 31 x 31 pixels and a gain of 5. Holes, thin parts and
    borders weigh up to ``1 + gain`` times as much as plain areas.

    Args:
        true: ``(N, K, H, W)``, 0..1.
        radius_px: Of the window, that is ``2 * radius_px + 1`` wide; less than H and W.
        gain: At least 0; 0 weighs all pixels the same.

    Returns:
        Of the shape of ``true``, of mean 1 in every sample, without gradient.
    """
    t = at_least_float32(true.detach())
    mean = t
    for reach in ((radius_px, 0), (0, radius_px)):  # a mean of means, far cheaper than of a square
        window = [2 * px + 1 for px in reach]
        mean = functional.avg_pool2d(mean, window, 1, reach, count_include_pad=False)
    weight = 1 + gain * (mean - t).abs()
    return weight / weight.mean(dim=(1, 2, 3), keepdim=True)


def _hardest(losses: Tensor, share: float) -> Tensor:
    _check_share("share", share)
    of_sample = losses.flatten(1)
    kept = max(round(share * of_sample.shape[1]), 1)
    if kept == of_sample.shape[1]:
        return of_sample.mean()
    return of_sample.topk(kept, dim=1, sorted=False).values.mean()


def _check_share(name: str, share: float) -> None:
    if not (math.isfinite(share) and 0 < share <= 1):
        msg = f"{name} is {share}; it is a share of the pixels, above 0 and at most 1"
        raise ValueError(msg)


def carried_loss(logits: Tensor, shares: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return how far what an attention carries over is from what it should: 0 where they agree.

    Cross-entropy less the truth's own entropy, that is ``KL(shares || sigmoid(logits))``, the mean
    over all positions; the same gradient as of cross-entropy alone.

    Args:
        logits: ``(N, C, h, w)``; see ``logits_of``.
        shares: Of the same shape, 0..1: at stride 16 many positions lie on a border.
        weight: ``(N, 1, h, w)``, 0..1: how far the truth is to be believed.
    """
    true = at_least_float32(shares).clamp(_LEAST_SHARE, 1 - _LEAST_SHARE)
    off, own = (
        functional.binary_cross_entropy_with_logits(each, true, reduction="none")
        for each in (at_least_float32(logits), true.logit())
    )
    apart = off - own
    return (apart if weight is None else apart * weight).mean()


def logits_of(shares: Tensor) -> Tensor:
    """Return what a sigmoid makes shares in 0..1 of; finite, by bringing them into 1e-3..1 - 1e-3.

    Of what an attention carries over, which adds up to 0 or 1 now and then.
    """
    return shares.clamp(_LEAST_SHARE, 1 - _LEAST_SHARE).logit()
