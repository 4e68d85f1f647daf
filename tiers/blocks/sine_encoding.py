"""Where a pixel is, as sines and cosines.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017, in two dimensions and over normalised
coordinates as in Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020.
"""

import torch
from torch import Tensor, nn

# Angle of the last row and column, in radians, and ratio of the highest frequency to about the
# lowest, as Cheng et al. (Cutie), CVPR 2024, set them.
_SCALE = 32.0
_TEMPERATURE = 128.0
_EPSILON = 1e-6  # in the division by the last coordinate


class SineEncoding(nn.Module):
    """Encode the position of every pixel of a map.

    The first half of the channels encodes the column, the second half the row; in each, sine and
    cosine of one frequency stand side by side.

    Output:
        encoding: ``(H W, channels)`` in -1..1.

    Args:
        channels: A multiple of four.
    """

    inv_freq: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        exponents = torch.arange(0, half, 2, dtype=torch.float32) / half
        self.register_buffer("inv_freq", _TEMPERATURE**-exponents)

    def forward(self, height: int, width: int) -> Tensor:
        """Encode a map of ``height`` rows and ``width`` columns."""
        rows, columns = self._line(height), self._line(width)
        half = rows.shape[1]
        both = torch.cat(
            [
                columns.view(1, width, half).expand(height, width, half),
                rows.view(height, 1, half).expand(height, width, half),
            ],
            dim=2,
        )
        return both.reshape(height * width, 2 * half)

    def _line(self, count: int) -> Tensor:
        like = self.inv_freq
        position = torch.arange(count, dtype=like.dtype, device=like.device)
        angle = (position / (count - 1 + _EPSILON) * _SCALE)[:, None] * like[None, :]
        return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(count, -1)
