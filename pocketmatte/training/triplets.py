"""Which frames of a video are trained on together: few, in order, ever farther apart.

Oh et al. (STM, ICCV 2019) train on three frames of a video with random gaps that grow over the
training; Cheng, Tai, Tang (MiVOS, CVPR 2021) bring the gaps down again for the last tenth.
"""

import math

import numpy as np

FRAMES = 3  # of a sample

# The largest gap from each share of the training on, as MiVOS publishes it.
_GAPS = ((0.0, 5), (0.1, 10), (0.2, 15), (0.3, 20), (0.4, 25), (0.9, 5))


def gap_at(progress: float) -> int:
    """Return the largest gap between two frames of a sample, in frames.

    Args:
        progress: Share of the training that is done, in 0..1.

    Raises:
        ValueError: If ``progress`` is outside 0..1.
    """
    if not 0 <= progress <= 1:
        msg = f"progress is {progress}; it must lie in 0..1"
        raise ValueError(msg)
    return max((start, gap) for start, gap in _GAPS if start <= progress)[1]


_LARGEST_GAP = max(gap for _, gap in _GAPS)


def triplet(length: int, progress: float, random: np.random.Generator) -> tuple[int, ...]:
    """Draw the frames of a made-up video that a sample is of.

    A made-up video has all that happens in it, however few its frames are: gaps grow as published,
    as shares of the largest that the video has room for.

    Args:
        length: Frames of the video, at least ``FRAMES``.
        progress: Share of the training that is done, in 0..1.
        random: Source of chance.

    Returns:
        ``FRAMES`` different numbers, rising or falling.
    """
    room = (length - 1) // (FRAMES - 1)
    gap = math.ceil(room * gap_at(progress) / _LARGEST_GAP)
    return frame_numbers(length, gap, random)


def frame_numbers(
    length: int, gap: int, random: np.random.Generator, *, count: int = FRAMES
) -> tuple[int, ...]:
    """Draw the numbers of frames to train on, in the order to show them in.

    Every gap is drawn by itself, uniform in 1..``gap``; where the video is too short for that,
    up to what makes the sample fit whatever is drawn. Half of the samples run backwards.

    Args:
        length: Frames of the video; at least ``count``.
        gap: Largest difference of two neighbouring numbers, at least 1. See ``gap_at``.
        random: Source of chance.
        count: Frames of a sample, at least 2.

    Returns:
        ``count`` different numbers, 0 to ``length - 1``, rising or falling.

    Raises:
        ValueError: If ``gap`` or ``count`` is too small or the video too short.
    """
    if gap < 1 or count < 2:
        msg = f"gap is {gap} and count {count}; give at least 1 and at least 2"
        raise ValueError(msg)
    if length < count:
        msg = f"the video has {length} frames, a sample {count}; give a longer one"
        raise ValueError(msg)
    largest = min(gap, (length - 1) // (count - 1))
    steps = random.integers(1, largest, size=count - 1, endpoint=True)
    first = random.integers(0, length - int(steps.sum()))
    numbers = [int(first), *(int(first + after) for after in np.cumsum(steps))]
    return tuple(numbers[::-1] if random.random() < 0.5 else numbers)
