"""Difference-aware fusion: what an old mask keeps when a correction arrives from another frame."""

import math
from collections.abc import Iterator

import numpy as np

from pocketmatte.matting.board import Board, Run, Scene, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import TensorSpec
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.rows.fusion import FusionShape
from tiers.spec import STRIDE, TierSpec

_ROUNDING = 1e-3  # that a value may leave its range by: half precision's spacing at 1
_SPAN = 8  # frames of a rollout from one interaction to the next
_DRIFT = 16  # the older mask of a rollout lies a sixteenth of the frame's width beside the new one
_SEED = 20210621  # of a rollout's keys; any number would do
_FINENESS = 8.0  # random features tell colours apart that differ by about 1/8
_CONTRAST = 8.0  # the softmax weighs an equal colour exp(8) times as much as a foreign one


class Fuser:
    """Fuse the masks of one object between an interaction and an older one.

    A user corrects the mask at one frame, and the correction is propagated towards the nearest
    frame that was corrected before, the reference frame. In between, every frame has two masks:
    the previous one, from before, and the new one. ``fuse`` makes one of them; at the two ends
    and beyond them nothing needs fusing. Several objects are fused one after the other.

    Args:
        spec: A tier of ``fusion``.
        run: Runs its programs by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._board = Board(spec, run)
        attend, fuse = contracts(spec)
        self._inputs = {tensor.name: tensor for tensor in (*attend.inputs, *fuse.inputs)}
        self._interacted: int | None = None

    def interact(
        self, number: int, key: FloatArray, previous_mask: FloatArray, new_mask: FloatArray
    ) -> None:
        """Take down a correction, until the next one.

        Args:
            number: The frame's, counted from the start of the video.
            key: ``(1, C, H/16, W/16)``, its key, of the same tier of ``propagation``: what
                memory holds of the frame.
            previous_mask: ``(1, 1, H, W)`` in 0..1, its mask before the correction.
            new_mask: ``(1, 1, H, W)`` in 0..1, its mask after it.

        Raises:
            UsageError: If a tensor has another size, holds NaN, or leaves its range.
        """
        _check(key, self._inputs["interacted_key"])
        _check(previous_mask, self._inputs["previous_mask"])
        _check(new_mask, self._inputs["new_mask"])
        gained = new_mask - previous_mask
        self._board.put(
            interacted_key=key, added=np.maximum(gained, 0), removed=np.maximum(-gained, 0)
        )
        self._interacted = number

    def fuse(
        self,
        number: int,
        reference: int,
        frame: FloatArray,
        key: FloatArray,
        previous_mask: FloatArray,
        new_mask: FloatArray,
    ) -> FloatArray:
        """Fuse the masks of one frame.

        Args:
            number: The frame's, between that of the interaction and ``reference``.
            reference: Number of the reference frame, before or behind the interaction.
            frame: ``(1, 3, H, W)`` RGB in 0..1.
            key: ``(1, C, H/16, W/16)``, its key, of the same tier of ``propagation``.
            previous_mask: ``(1, 1, H, W)`` in 0..1, the older mask of this frame.
            new_mask: ``(1, 1, H, W)`` in 0..1, propagated to this frame from the interaction.

        Returns:
            ``(1, 1, H, W)`` in 0..1.

        Raises:
            UsageError: If nothing was interacted with, the frame does not lie between the two, or
                a tensor has another size, holds NaN, or leaves its range.
        """
        given = {
            "frame": frame,
            "key": key,
            "previous_mask": previous_mask,
            "new_mask": new_mask,
        }
        for name, tensor in given.items():
            _check(tensor, self._inputs[name])
        distances = _distances(number, self._interacted, reference)
        self._board.put(**given, distances=distances)
        self._board.call("attend")
        return self._board.call("fuse")["mask"]


def rollout(spec: TierSpec, run: Run, scene: Scene) -> Iterator[Tensors]:
    """Correct a mask every few frames and fuse all frames in between.

    Every ``_SPAN`` frames a correction is made, one frame before the moment and on the same
    picture; the reference frame is the one before the next correction, so that every moment is
    fused. The new mask is the true one; the previous one lies a little to its right. Keys come
    from no network here: see ``ColourKeys``.
    """
    keys = ColourKeys(spec)
    fuser = Fuser(spec, run)
    for index, moment in enumerate(scene):
        start = index - index % _SPAN
        key = keys(moment.frame)
        previous_mask = _drifted(moment.mask)
        if index == start:
            fuser.interact(start - 1, key, previous_mask, moment.mask)
        mask = fuser.fuse(index, start + _SPAN, moment.frame, key, previous_mask, moment.mask)
        yield {"mask": mask}


class ColourKeys:
    """Keys that are close where colours are: random Fourier features of the mean colour.

    ``scale * cos(W colour + b)`` with normal ``W`` and uniform ``b``: the product of two keys is
    near a Gaussian of the colours' difference (Rahimi and Recht, "Random Features for Large-Scale
    Kernel Machines", NIPS 2007). ``scale`` is such that ``attend``, which divides by the root of
    the channels, sees ``_CONTRAST`` for equal colours.
    """

    def __init__(self, spec: TierSpec) -> None:
        channels = spec.shaped(FusionShape).key
        generator = np.random.default_rng(_SEED)
        self._directions = generator.normal(0.0, _FINENESS, (channels, 3)).astype(np.float32)
        self._phases = generator.uniform(0.0, 2 * math.pi, (channels, 1, 1)).astype(np.float32)
        self._scale = np.float32(math.sqrt(2 * _CONTRAST / math.sqrt(channels)))

    def __call__(self, frame: FloatArray) -> FloatArray:
        """Return ``(1, C, H/16, W/16)`` of ``frame``."""
        _, planes, height, width = frame.shape
        blocks = frame.reshape(planes, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
        colours = blocks.mean(axis=(2, 4), dtype=np.float32)  # (3, H/16, W/16)
        turned = np.einsum("cp,phw->chw", self._directions, colours) + self._phases
        return np.ascontiguousarray(self._scale * np.cos(turned)[None], dtype=np.float32)


def _drifted(mask: FloatArray) -> FloatArray:
    """Move ``mask`` to the right; what comes in from the left is background."""
    shift = mask.shape[-1] // _DRIFT
    moved = np.zeros_like(mask)
    moved[..., shift:] = mask[..., :-shift]
    return moved


def _distances(number: int, interacted: int | None, reference: int) -> FloatArray:
    """Return the shares of the way to the interacted frame and to the reference: (1, 2, 1, 1)."""
    if interacted is None:
        msg = "no mask was corrected yet; call interact with the corrected frame first"
        raise UsageError(msg)
    if interacted == reference:
        msg = f"frame {reference} is both interacted with and the reference; give two frames"
        raise UsageError(msg)
    if not min(interacted, reference) < number < max(interacted, reference):
        ends = f"the interaction at {interacted} and the reference at {reference}"
        msg = f"frame {number} does not lie between {ends}; take its new mask as it is"
        raise UsageError(msg)
    shares = [abs(number - end) / abs(reference - interacted) for end in (interacted, reference)]
    return np.array(shares, dtype=np.float32).reshape(1, 2, 1, 1)


def _check(tensor: FloatArray, expected: TensorSpec) -> None:
    if tensor.shape != expected.shape:
        msg = f"{expected.name} is {tensor.shape}; this tier takes {expected.shape}"
        raise UsageError(msg)
    if not np.isfinite(tensor).all():
        msg = f"{expected.name} holds NaN or infinity; give finite numbers"
        raise UsageError(msg)
    if expected.low is None or expected.high is None:
        return
    low, high = float(tensor.min()), float(tensor.max())
    if low < expected.low - _ROUNDING or high > expected.high + _ROUNDING:
        limits = f"{expected.low:g}..{expected.high:g}"
        msg = f"{expected.name} holds values in {low:g}..{high:g}; they must lie in {limits}"
        raise UsageError(msg)
