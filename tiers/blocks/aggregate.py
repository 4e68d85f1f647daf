"""Soft aggregation: the objects of a frame share every pixel with the background.

Oh et al., "Video Object Segmentation using Space-Time Memory Networks", ICCV 2019, section 3.6.
"""

import math

import torch
from torch import Tensor

# Probabilities are kept this far from 0 and 1, as in the published implementation.
_MARGIN = 1e-7
_HIGHEST = math.log((1 - _MARGIN) / _MARGIN)


def aggregate_pair(logits: Tensor, present: Tensor) -> Tensor:
    """Let two objects and the background compete for every pixel.

    With probabilities p, odds o = p / (1 - p) and a background of probability (1 - p1)(1 - p2),
    every one takes its share of the sum of all odds. Written in logits: the background's is
    ``-log(exp(l1) + exp(l2) + exp(l1 + l2))``, and the shares are a softmax of the three. Largest
    values are subtracted first, so half precision neither overflows nor divides by zero.

    Args:
        logits: ``(2, 1, H, W)``, of each object on its own.
        present: ``(2, 1, 1, 1)``, 1 for an object that there is and 0 for none; the probability
            of one that is not there is 0, and it takes nothing from the other.

    Returns:
        ``(2, 1, H, W)`` probabilities; their sum is at most 1.
    """
    logits = logits.clamp(-_HIGHEST, _HIGHEST) * present - _HIGHEST * (1 - present)
    first, second = logits[:1], logits[1:]
    both = first + second
    top = torch.maximum(torch.maximum(first, second), both)
    background = (first - top).exp() + (second - top).exp() + (both - top).exp()
    background = -(background.log() + top)
    top = torch.maximum(torch.maximum(first, second), background)
    first, second = (first - top).exp(), (second - top).exp()
    total = first + second + (background - top).exp()
    return torch.cat([first / total, second / total]) * present
