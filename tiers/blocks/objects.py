"""Several objects at once, side by side in the batch axis."""

import torch
from torch import Tensor


def others(x: Tensor) -> list[Tensor]:
    """Return what every object sees of the other objects.

    Args:
        x: ``(objects, C, H, W)``.

    Returns:
        ``objects - 1`` tensors of the shape of ``x``: in the ``k``-th, every object has the map of
        the object ``k`` places after it. Slices, not a roll, which exporters take apart.
    """
    objects = x.shape[0]
    return [torch.cat([x[shift:], x[:shift]]) for shift in range(1, objects)]


def others_sum(mask: Tensor) -> Tensor:
    """Return for every object the sum of the other objects' masks, at most 1.

    Args:
        mask: ``(objects, 1, H, W)`` in 0..1.

    Returns:
        ``(objects, 1, H, W)`` in 0..1; zeros where there is one object only.
    """
    total = mask * 0
    for other in others(mask):
        total = total + other
    return total.clamp(0, 1)
