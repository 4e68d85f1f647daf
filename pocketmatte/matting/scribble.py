"""Scribble to mask: correct a mask by strokes, every round independent of the one before."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pocketmatte.matting.board import Board, Moment, Run, Scene, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError
from tiers.spec import TierSpec

_STROKE_PIXELS = 3  # width of a stroke, as in the training of MiVOS' S2M
# The mask to correct lies this share of the frame's width right of the true one, and lacks what is
# right of this share of the subject's columns.
_SHIFT = 1 / 32
_KEPT = 0.65


class Corrector:
    """Correct masks of one tier's size.

    Args:
        spec: The tier.
        run: Runs a program by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._board = Board(spec, run)
        self._hw = spec.output_hw

    def correct(
        self, frame: FloatArray, mask: FloatArray, positive: FloatArray, negative: FloatArray
    ) -> FloatArray:
        """Run one round.

        Args:
            frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.
            mask: ``(1, 1, H, W)`` in 0..1, the mask so far; zeros where there is none.
            positive: ``(1, 1, H, W)`` in 0..1; 1 where a stroke says that the subject is.
            negative: ``(1, 1, H, W)`` in 0..1; 1 where a stroke says that it is not.

        Returns:
            ``(1, 1, H, W)`` in 0..1, the corrected soft mask.

        Raises:
            UsageError: If a picture is of another size, or neither scribble has a stroke.
        """
        pictures = {"frame": frame, "mask": mask, "positive": positive, "negative": negative}
        for name, picture in pictures.items():
            expected = (1, 3 if name == "frame" else 1, *self._hw)
            if picture.shape != expected:
                msg = (
                    f"{name} is {picture.shape}; this tier takes {expected}: "
                    "crop and resize every picture to it"
                )
                raise UsageError(msg)
        if not positive.any() and not negative.any():
            msg = (
                "positive and negative are 0 everywhere; a correction needs a stroke in one of "
                "them: draw one, or keep the mask as it is"
            )
            raise UsageError(msg)
        self._board.put(frame=frame, mask=mask, positive=positive, negative=negative)
        return self._board.call("correct")["refined"]


def rollout(spec: TierSpec, run: Run, scene: Scene) -> Iterator[Tensors]:
    """Correct, in every frame, a mask that is shifted and cut, by a stroke inside and outside."""
    corrector = Corrector(spec, run)
    for moment in scene:
        mask, positive, negative = flawed(moment)
        yield {"refined": corrector.correct(moment.frame, mask, positive, negative)}


def flawed(moment: Moment) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Spoil the true mask of a frame and draw the strokes that would mend it.

    The same moment gives the same result.

    Args:
        moment: Frame and true mask.

    Returns:
        The mask to correct, ``(1, 1, H, W)``: the true one moved to the right, its right part
        missing. A positive scribble of one stroke through what is missing of the subject; empty
        where there is no subject. A negative one through the background; empty where there is none.
    """
    true = moment.mask[0, 0]
    mask = _spoiled(true)
    subject, current = true > 0.5, mask > 0.5
    positive, negative = _stroke(subject & ~current), _stroke(~subject)
    return mask[None, None], positive[None, None], negative[None, None]


def _spoiled(true: FloatArray) -> FloatArray:
    right = round(true.shape[1] * _SHIFT)
    mask = np.zeros_like(true)
    mask[:, right:] = true[:, :-right]
    columns = np.flatnonzero((mask > 0.5).any(axis=0))
    if columns.size:
        mask[:, columns[int(columns.size * _KEPT)] :] = 0
    return mask


def _stroke(region: NDArray[np.bool_]) -> FloatArray:
    """Draw a horizontal stroke along the middle half of the widest run of ``region``.

    Args:
        region: ``(H, W)``, what the stroke's middle row lies in.

    Returns:
        ``(H, W)``, 1 on the stroke; zeros where the region is empty.
    """
    scribble = np.zeros(region.shape, dtype=np.float32)
    margin = _STROKE_PIXELS // 2
    top, start, length = _widest_run(region[margin:-margin])
    first = start + length // 4
    scribble[top : top + _STROKE_PIXELS, first : first + (length + 1) // 2] = 1
    return scribble


def _widest_run(region: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return row, first column and length of the longest unbroken run; of equal ones the first."""
    lengths = np.zeros(region.shape, dtype=np.int64)  # of the run that ends here
    before = np.zeros(region.shape[0], dtype=np.int64)
    for column in range(region.shape[1]):
        before = (before + 1) * region[:, column]
        lengths[:, column] = before
    row, last = np.unravel_index(int(lengths.argmax()), region.shape)
    length = int(lengths[row, last])
    return int(row), int(last) - length + 1, length
