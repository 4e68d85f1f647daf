"""What a camera and a codec do to a picture: noise, grain and block artefacts."""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class NoiseBank:
    """Gaussian noise drawn once and read at random offsets, for speed.

    Args:
        frame_hw: Size of the frames.
        seed: Of the noise.
    """

    def __init__(self, frame_hw: tuple[int, int], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        size = 3, frame_hw[0] + 64, frame_hw[1] + 64
        fine = torch.randn(size, generator=generator)
        soft = torch.nn.functional.avg_pool2d(fine, 3, 1, 1)
        self._kinds = fine, soft / soft.std()
        self._frame_hw = frame_hw

    def draw(self, random: np.random.Generator, length: int) -> Tensor:
        """Noise of unit strength for a clip.

        Returns:
            ``(T, 3, H, W)``; fine or coarse, coloured or grey, new in every frame.
        """
        height, width = self._frame_hw
        source = self._kinds[int(random.integers(2))]
        if random.random() < 0.4:
            source = source[:1].expand(3, -1, -1)
        offsets = random.integers(0, 64, (length, 2))
        return torch.stack([source[:, y : y + height, x : x + width] for y, x in offsets])


def jpeg_error(frames: Tensor, quality: int) -> Tensor:
    """What JPEG adds to frames.

    Args:
        frames: ``(T, 3, H, W)`` in 0..1.
        quality: 1..95, as Pillow counts.

    Returns:
        Decoded minus original, ``(T, 3, H, W)``.
    """
    pictures = (frames.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    decoded = []
    for picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)))
    back = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255.0
    return back - frames


def random_strength(random: np.random.Generator) -> float:
    """A standard deviation of noise in 0.003..0.06, small ones more often."""
    return math.exp(random.uniform(math.log(0.003), math.log(0.06)))
