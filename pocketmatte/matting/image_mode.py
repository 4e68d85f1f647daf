"""Image mode: a first mask of whatever stands out, then rounds of scribbles, each undoable."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pocketmatte.matting.crop import Stroke, crop_box, cropped, drawn, pasted
from pocketmatte.matting.foreground import Segmenter
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.stepping import as_nchw
from tiers.errors import UsageError


class Correct(Protocol):
    """``scribble.Corrector.correct``."""

    def __call__(
        self, frame: FloatArray, mask: FloatArray, positive: FloatArray, negative: FloatArray
    ) -> FloatArray:
        """Run one round at the tier's size."""
        ...


class ImageMode:
    """The mask of one picture on its way through rounds.

    A round sees the picture, the mask before it and its own strokes, never those of another round:
    what an earlier round did wrong can be undone or drawn over, and nothing remembers it.

    Args:
        picture: ``(H, W, 3)`` RGB in 0..255.
        mask: ``(H, W)`` in 0..1 to begin with; zeros for none.
        correct: What corrects.
        size_hw: Height and width that it takes, in pixels.

    Raises:
        UsageError: If picture and mask are of different sizes.
    """

    def __init__(
        self, picture: UInt8Array, mask: FloatArray, correct: Correct, size_hw: tuple[int, int]
    ) -> None:
        if picture.shape[:2] != mask.shape:
            msg = f"the mask is {mask.shape} and the picture {picture.shape[:2]}; give one size"
            raise UsageError(msg)
        self._frame = as_nchw(picture.astype(np.float32) / np.float32(255))
        self._correct, self._size_hw = correct, size_hw
        self._masks = [mask]

    @property
    def mask(self) -> FloatArray:
        """The mask after the latest round, ``(H, W)`` in 0..1."""
        return self._masks[-1]

    @property
    def rounds(self) -> int:
        """How many rounds can be undone."""
        return len(self._masks) - 1

    def scribble(self, strokes: Sequence[Stroke]) -> FloatArray:
        """Run one round and return the new mask, equal to the old one outside the crop.

        Raises:
            UsageError: If nothing was drawn, or outside the picture.
        """
        box = crop_box(strokes, self.mask)
        scribbles = drawn(strokes, box, self._size_hw)
        positive, negative = (
            each.astype(np.float32)[None, None] for each in (scribbles.positive, scribbles.negative)
        )
        refined = self._correct(
            cropped(self._frame, box, self._size_hw),
            cropped(self.mask[None, None], box, self._size_hw),
            positive,
            negative,
        )
        self._masks.append(pasted(self.mask, refined[0, 0].clip(0, 1), box))
        return self.mask

    def undo(self) -> FloatArray:
        """Take back the latest round and return the mask before it.

        Raises:
            UsageError: If there is no round left.
        """
        if not self.rounds:
            msg = "no round is left to undo; this is the mask that the picture began with"
            raise UsageError(msg)
        self._masks.pop()
        return self.mask


def first_mask(picture: UInt8Array, segmenter: Segmenter, size_hw: tuple[int, int]) -> FloatArray:
    """Segment whatever stands out in a picture.

    Args:
        picture: ``(H, W, 3)`` RGB in 0..255.
        segmenter: Of a tier of ``foreground``.
        size_hw: Height and width that it takes; the picture is stretched to it.

    Returns:
        ``(H, W)`` in 0..1.
    """
    frame = resized(as_nchw(picture.astype(np.float32) / np.float32(255)), size_hw)
    mask = segmenter.segment(frame)[0, 0].clip(0, 1)
    return resized(mask, (picture.shape[0], picture.shape[1]))
