"""One picture shown several times as it moves: what carrying masks begins with.

Oh, Lee, Xu, Kim, "Video Object Segmentation using Space-Time Memory Networks" (STM), ICCV 2019,
section 4: before any video, frames are made of a still by small affine maps. A network that does
not read its memory yet learns to where nothing is far from where it was.
"""

import dataclasses

import numpy as np
import torch

from pocketmatte.training.motion import FloatArray, rotation, scaling, translation
from pocketmatte.training.video import Video
from pocketmatte.training.warps import sampled

# Of every frame by itself; standard deviations.
_TURN_RAD = 0.1
_GROWTH = 0.08  # of the logarithm of the size
_SHIFT = 0.05  # of the frame's sides


def moved_still(still: Video, random: np.random.Generator, count: int) -> Video:
    """Return a clip of one frame as several, each moved by a small affine map of its own.

    What comes in at the sides is the picture's mirror image, objects and all.

    Args:
        still: A clip, whose first frame is taken.
        random: Source of chance.
        count: Frames to make.
    """
    height, width = still.frames.shape[-2:]
    parts = [still.frames[0], still.alphas[0], still.foreground[0]]
    if still.confidence is not None:
        parts.append(still.confidence[0])
    maps = np.stack([_map(random, width, height) for _ in range(count)])
    moved = sampled(torch.cat(parts), maps, (0, 0, height, width), padding="reflection")
    frames, alphas, foreground, *confidence = torch.split(moved, [len(p) for p in parts], dim=1)
    return dataclasses.replace(
        still,
        frames=frames,
        alphas=alphas,
        foreground=foreground,
        confidence=confidence[0] if confidence else None,
    )


def _map(random: np.random.Generator, width: int, height: int) -> FloatArray:
    """Return a map about the centre, ``(3, 3)``, from the still's pixels to the frame's."""
    angle, growth, x, y = random.normal(0.0, (_TURN_RAD, _GROWTH, _SHIFT, _SHIFT))
    size = float(np.exp(growth))
    about = rotation(float(angle)) @ scaling(size, size)
    to_centre = translation(width * (0.5 + float(x)), height * (0.5 + float(y)))
    return np.asarray(to_centre @ about @ translation(-width / 2, -height / 2))
