"""The softmax over a few classes, written out."""

import functools

import torch
from torch import Tensor, nn
from torch.nn import functional


class ClassShares(nn.Module):
    """Share every pixel out among classes: the softmax over the channels.

    XNNPACK takes a softmax over the last axis alone, and ExecuTorch 1.5 gets even that wrong where
    a convolution's output is brought there by a permutation: it runs along the height. Slices,
    maxima and exponentials of whole planes stay inside the delegate and are right.

    Input:
        logits: ``(N, C, H, W)``; C is small.

    Output:
        shares: ``(N, C, H, W)`` in 0..1; they sum to 1 in every pixel.

    Args:
        classes: C.
    """

    ones: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        # the sum over channels, on each of them, as a 1x1 convolution
        ones = torch.ones(classes, classes, 1, 1)
        self.register_buffer("ones", ones, persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """Share out."""
        planes = [logits[:, index : index + 1] for index in range(logits.shape[1])]
        # less the largest logit, so that no exponential exceeds 1 in half precision
        odds = torch.exp(logits - functools.reduce(torch.maximum, planes))
        return odds / functional.conv2d(odds, self.ones)
