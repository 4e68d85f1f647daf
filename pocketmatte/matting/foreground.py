"""Foreground segmentation: the mask of whatever stands out in a picture."""

from collections.abc import Iterator

from pocketmatte.matting.board import Board, Run, Scene, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError
from tiers.spec import TierSpec


class Segmenter:
    """Segment pictures of one tier's size, each by itself.

    Args:
        spec: The tier.
        run: Runs a program by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._board = Board(spec, run)
        self._expected = (1, 3, *spec.output_hw)

    def segment(self, frame: FloatArray) -> FloatArray:
        """Segment one picture.

        Args:
            frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.

        Returns:
            ``(1, 1, H, W)`` in 0..1, the soft mask.

        Raises:
            UsageError: If the picture is of another size.
        """
        if frame.shape != self._expected:
            msg = f"frame is {frame.shape}; this tier takes {self._expected}: resize it to that"
            raise UsageError(msg)
        self._board.put(frame=frame)
        return self._board.call("segment")["mask"]


def rollout(spec: TierSpec, run: Run, scene: Scene) -> Iterator[Tensors]:
    """Segment every frame; the scene's masks are not looked at."""
    segmenter = Segmenter(spec, run)
    for moment in scene:
        yield {"mask": segmenter.segment(moment.frame)}
