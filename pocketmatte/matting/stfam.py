"""ST-FAM matting: alpha of every frame from a trimap of its own."""

from collections.abc import Iterator

import numpy as np

from pocketmatte.matting.board import Board, Run, Scene, Tensors
from pocketmatte.matting.trimap import trimap_of
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError
from tiers.spec import TierSpec

# 127 or 128 of 255, as 8-bit trimaps say "unknown", is 0.5 but for this.
_ROUNDING = 0.002
# The unknown region of a rollout reaches this share of the frame's height to either side of the
# subject's border: about half of the standard scene is the network's to say.
_WIDE = 1 / 6


class TrimapMatter:
    """Matte a video of one tier's size, frame after frame.

    The first frames have no past; the present frame stands in for it.

    Args:
        spec: A tier of ``stfam``.
        run: Runs a program by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._board = Board(spec, run)
        self._hw = spec.output_hw

    def reset(self) -> None:
        """Forget the frames before: another video, or a cut."""
        self._board.reset()

    def matte(self, frame: FloatArray, trimap: FloatArray) -> FloatArray:
        """Matte the next frame.

        Args:
            frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.
            trimap: ``(1, 1, H, W)``: 0 is background, 0.5 unknown, 1 foreground.

        Returns:
            ``(1, 1, H, W)`` alpha in 0..1; 0 and 1 where the trimap says so.

        Raises:
            UsageError: If a picture is of another size or holds NaN, or the trimap another value.
        """
        self._check("frame", frame, (1, 3, *self._hw))
        self._check("trimap", trimap, (1, 1, *self._hw))
        _check_levels(trimap)
        self._board.put(frame=frame, trimap=trimap)
        return self._board.call("matte")["alpha"]

    def _check(self, name: str, picture: FloatArray, expected: tuple[int, ...]) -> None:
        if picture.shape != expected:
            msg = f"{name} is {picture.shape}; this tier takes {expected}: resize it to that"
            raise UsageError(msg)
        if not np.isfinite(picture).all():
            msg = f"{name} holds NaN or infinity; give finite numbers"
            raise UsageError(msg)


def rollout(spec: TierSpec, run: Run, scene: Scene) -> Iterator[Tensors]:
    """Matte every frame from a wide trimap of its true mask."""
    matter = TrimapMatter(spec, run)
    widen_px = round(_WIDE * spec.output_hw[0])
    for moment in scene:
        trimap = trimap_of(moment.mask, widen_px=widen_px)
        yield {"alpha": matter.matte(moment.frame, trimap)}


def _check_levels(trimap: FloatArray) -> None:
    """Refuse a trimap of other values than 0, 0.5 and 1."""
    off = np.abs(trimap - np.round(2 * trimap) / 2)
    strange = (off > _ROUNDING) | (trimap < -_ROUNDING) | (trimap > 1 + _ROUNDING)
    if strange.any():
        share = 100 * strange.mean()
        msg = (
            f"trimap holds {trimap[strange][0]:.4g} and other values in {share:.3g} % of its "
            "pixels; it takes 0, 0.5 and 1 only: resize it without interpolation, or round it"
        )
        raise UsageError(msg)
