"""How each network walks through frames, in a form that can be skipped through and gone on with."""

from typing import Protocol

import numpy as np

from pocketmatte.cut.composing import Masks
from pocketmatte.cut.footage import as_unit, unit
from pocketmatte.matting.board import Board
from pocketmatte.matting.matanyone import MatAnyoneMatter
from pocketmatte.matting.propagation import Propagator
from pocketmatte.matting.resuming import ResumableRun
from pocketmatte.matting.stfam import TrimapMatter
from pocketmatte.matting.trimap import TrimapPropagator, decided
from pocketmatte.matting.trimap_joining import joined, stretched
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray


class Player(Protocol):
    """A network on its way through frames.

    ``begin`` and then ``skip`` once a frame call the programs that ``step`` calls, on anything.
    While ``run`` stands in for these, that brings back how far a network came.
    """

    run: ResumableRun

    def begin(self) -> None:
        """Forget everything and take what comes before the first frame."""
        ...

    def skip(self) -> None:
        """Step over a frame."""
        ...

    def step(self, number: int, frame: UInt8Array) -> FloatArray:
        """Return mask or alpha of the next frame, ``(h, w)``; the frame is ``(h, w, 3)``."""
        ...


class Propagating:
    """``propagation`` from one template; ``first`` is its own mask.

    Args:
        tier: Of ``propagation``.
        frame: ``(h, w, 3)``, the template's, at the tier's size.
        mask: ``(h, w)`` in 0..1, the template.
        memory_every: Frames from one that is memorised to the next.
    """

    def __init__(
        self, tier: OpenTier, frame: UInt8Array, mask: FloatArray, memory_every: int
    ) -> None:
        self.run = ResumableRun(tier.spec, tier.run)
        self._propagator = Propagator(tier.spec, self.run, memory_every=memory_every)
        self._frame, self._mask = unit(frame), mask[None, None]
        self.first = mask

    def begin(self) -> None:
        """Memorise the template."""
        self._propagator.start(self._frame, self._mask)

    def skip(self) -> None:
        """Step over a frame."""
        self._propagator.step(self._frame)

    def step(self, number: int, frame: UInt8Array) -> FloatArray:  # noqa: ARG002 - a Player's form
        """Find the subject in the next frame."""
        mask: FloatArray = self._propagator.step(unit(frame))[0, 0]
        return mask


class MatAnyone:
    """``matanyone`` from one template; ``first`` is the template's own alpha once it began."""

    def __init__(
        self, tier: OpenTier, frame: UInt8Array, mask: FloatArray, memory_every: int
    ) -> None:
        self.run = ResumableRun(tier.spec, tier.run)
        self._matter = MatAnyoneMatter(tier.spec, self.run, memory_every=memory_every)
        self._frame, self._mask = unit(frame), mask[None, None]
        self.first = mask

    def begin(self) -> None:
        """Matte the template."""
        alpha = self._matter.start(self._frame, self._mask)[0, 0]
        if not self.run.stands_in:
            self.first = alpha

    def skip(self) -> None:
        """Step over a frame."""
        self._matter.step(self._frame)

    def step(self, number: int, frame: UInt8Array) -> FloatArray:  # noqa: ARG002 - a Player's form
        """Matte the next frame."""
        alpha: FloatArray = self._matter.step(unit(frame))[0, 0]
        return alpha


class Rvm:
    """``rvm``, which needs no template."""

    def __init__(self, tier: OpenTier) -> None:
        self.run = ResumableRun(tier.spec, tier.run)
        self._board = Board(tier.spec, self.run)
        self._blank = np.zeros((1, 3, *tier.spec.output_hw), dtype=np.float32)

    def begin(self) -> None:
        """Forget what was before."""
        self._board.reset()

    def skip(self) -> None:
        """Step over a frame."""
        self._matte(self._blank)

    def step(self, number: int, frame: UInt8Array) -> FloatArray:  # noqa: ARG002 - a Player's form
        """Matte the next frame."""
        alpha: FloatArray = self._matte(unit(frame))[0, 0]
        return alpha

    def _matte(self, frame: FloatArray) -> FloatArray:
        self._board.put(frame=frame)
        return self._board.call("matte")["alpha"]


class TrimapMatting:
    """``trimap`` from templates to every frame, then ``stfam`` from frame to frame.

    Args:
        trimap: A tier of ``trimap``.
        stfam: A tier of ``stfam``, at whose size frames are given.
        references: Frames, ``(1, 3, h, w)``, and trimaps, ``(1, 1, h, w)``, of the templates, at
            the size of ``trimap``, in the order of the rounds.
        masks: Of every frame.
    """

    def __init__(
        self,
        trimap: OpenTier,
        stfam: OpenTier,
        references: list[tuple[FloatArray, FloatArray]],
        masks: Masks,
    ) -> None:
        self.run = ResumableRun(stfam.spec, stfam.run)
        self._matter = TrimapMatter(stfam.spec, self.run)
        self._hw, self._trimap_hw = stfam.spec.output_hw, trimap.spec.output_hw
        self._propagator = TrimapPropagator(trimap.spec, trimap.run)
        for frame, drawn in references:
            self._propagator.set_reference(frame, drawn)
        self._masks = masks
        self._blank = np.zeros((1, 3, *self._hw), dtype=np.float32)

    def begin(self) -> None:
        """Forget the frames before."""
        self._matter.reset()

    def skip(self) -> None:
        """Step over a frame."""
        self._matter.matte(self._blank, self._blank[:, :1])

    def step(self, number: int, frame: UInt8Array) -> FloatArray:
        """Matte the next frame."""
        seen = unit(frame)
        found = decided(self._propagator.propagate(resized(seen, self._trimap_hw)))
        mask = as_unit(self._masks.read(number))[None, None]
        trimap = joined(stretched(found, self._hw), resized(mask, self._hw))
        alpha: FloatArray = self._matter.matte(seen, trimap)[0, 0]
        return alpha
