"""Bring RGB in 0..1 to the channel statistics that ImageNet encoders are trained on."""

import torch
from torch import Tensor, nn

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class ImageNetNormalise(nn.Module):
    """Subtract ImageNet's mean and divide by its standard deviation, channel by channel.

    Input:
        frame: ``(N, 3, H, W)`` RGB in 0..1.

    Output:
        x: ``(N, 3, H, W)``, about -2.1..2.7.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, frame: Tensor) -> Tensor:
        """Normalise."""
        return (frame - self.mean) / self.std
