"""Masks of several objects that share one frame, brought to one probability each.

Oh, Lee, Xu, Kim: "Video Object Segmentation using Space-Time Memory Networks" (STM), ICCV 2019, as
Cheng, Tai, Tang (MiVOS), CVPR 2021, use it after every correction.
"""

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray

_CLAMP = np.float32(1e-7)  # keeps the odds of a certain pixel finite


def soft_aggregate(probabilities: FloatArray) -> FloatArray:
    """Share every pixel out among the background and objects that were segmented one by one.

    The background is likely where no object is: ``p_0 = prod(1 - p_k)``. Every probability becomes
    its odds ``p / (1 - p)``, and each gets its part of their sum; that is the softmax of the
    logits.

    Args:
        probabilities: ``(K, H, W)`` in 0..1, of each object by itself; K is at least 1.

    Returns:
        ``(K + 1, H, W)`` in 0..1, background first; they sum to 1 in every pixel.

    Raises:
        ValueError: If ``probabilities`` holds no object or is no stack of maps.
    """
    if probabilities.ndim != 3 or not len(probabilities):
        msg = f"probabilities are (K, H, W) with K at least 1, not {probabilities.shape}"
        raise ValueError(msg)
    objects = probabilities.astype(np.float32, copy=False)
    background = np.prod(1 - objects, axis=0, keepdims=True)
    everything = np.concatenate([background, objects]).clip(_CLAMP, 1 - _CLAMP)
    odds = everything / (1 - everything)
    shares: FloatArray = odds / odds.sum(axis=0, keepdims=True)
    return shares
