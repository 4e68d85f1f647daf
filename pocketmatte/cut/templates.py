"""From rounds to templates: the mask of a frame that the user gave, drew, or left to a network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pocketmatte.cut.composing import Masks
from pocketmatte.cut.footage import Footage, as_unit, in_bytes
from pocketmatte.cut.networks import Networks
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.store import ArrayStore
from pocketmatte.cut.work import Work
from pocketmatte.label_pictures import read_alpha
from pocketmatte.matting.foreground import Segmenter
from pocketmatte.matting.image_mode import ImageMode, first_mask
from pocketmatte.matting.scribble import Corrector
from pocketmatte.pictures import UInt8Array, read_matte, write_image
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError, UsageError


class NoSubjectError(UsageError):
    """A round whose mask holds nothing of a subject."""


def read_mask(path: Path, size_hw: tuple[int, int]) -> UInt8Array:
    """Read the mask of a frame: soft, or whatever is not background; see ``label_pictures``.

    Raises:
        UsageError: If it is of another size, or marks nothing.
        MediaError: If it cannot be read.
    """
    mask = read_alpha(path, hard=True)
    if mask.shape != size_hw:
        msg = (
            f"{path}: the mask is {mask.shape[1]}x{mask.shape[0]} and the video "
            f"{size_hw[1]}x{size_hw[0]}; give a mask of the video's size"
        )
        raise UsageError(msg)
    if not mask.any():
        msg = f"{path}: the mask marks nothing: it is background everywhere; mark the subject"
        raise UsageError(msg)
    return mask


class Templates:
    """Makes the mask of one round after the other.

    Args:
        footage: The video.
        networks: Of which ``foreground`` and ``scribble`` may be asked.
        work: Where the masks are kept for later rounds at the same frame.
    """

    def __init__(self, footage: Footage, networks: Networks, work: Work) -> None:
        self._footage, self._networks = footage, networks
        self._folder = work.path / "masks"
        self._folder.mkdir(exist_ok=True)
        self._given: set[int] = set()  # frames that this run has made a mask of

    def make(self, this: Round, before: Masks | None) -> FloatArray:
        """Return a round's mask, ``(H, W)`` in 0..1, as later rounds will find it.

        Args:
            this: The round.
            before: Masks of all frames, propagated from the rounds before; ``None`` for none.

        Raises:
            NoSubjectError: If nothing of a subject is left.
            UsageError: If the mask marks nothing or does not fit.
        """
        size_hw = self._footage.source.size_hw
        if this.mask is not None:
            made = as_unit(read_mask(this.mask, size_hw))
        else:
            begun = self._begun(this, before, size_hw)
            made = self._corrected(this, begun) if this.strokes else begun
        if not (made >= 0.5).any():
            msg = f"frame {this.frame}: no subject was found; draw strokes on it, or give a mask"
            raise NoSubjectError(msg)
        kept = in_bytes(made)
        write_image(self._path(this.frame), kept)
        self._given.add(this.frame)
        return as_unit(kept)

    def put_back(self, frame: int, mask: UInt8Array | None) -> None:
        """Say which mask a frame has so far, ``(H, W)`` in 0..255; ``None`` where it has none.

        Rounds that are undone are taken back so.
        """
        self._given.discard(frame)
        if mask is not None:
            write_image(self._path(frame), mask)
            self._given.add(frame)

    def _begun(self, this: Round, before: Masks | None, size_hw: tuple[int, int]) -> FloatArray:
        """Return what strokes correct; without strokes, what stands out."""
        if this.fresh:
            return np.zeros(size_hw, dtype=np.float32)
        if this.strokes and this.frame in self._given:
            return as_unit(read_matte(self._path(this.frame)))
        if this.strokes and before is not None:
            return resized(as_unit(before.read(this.frame)), size_hw)
        tier = self._networks["foreground"]
        segmenter = Segmenter(tier.spec, tier.run)
        return first_mask(self._footage.template(this.frame), segmenter, tier.spec.output_hw)

    def _corrected(self, this: Round, mask: FloatArray) -> FloatArray:
        tier = self._networks["scribble"]
        correct = Corrector(tier.spec, tier.run).correct
        picture = self._footage.template(this.frame)
        return ImageMode(picture, mask, correct, tier.spec.output_hw).scribble(this.strokes)

    def _path(self, frame: int) -> Path:
        return self._folder / f"{frame:08}.png"


class RoundMasks:
    """Masks of every frame, from the latest of some rounds that reached it; see ``Masks``."""

    def __init__(self, stores: Sequence[ArrayStore]) -> None:
        self._stores = tuple(stores)[::-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every mask."""
        return self._stores[0].shape

    def read(self, number: int) -> UInt8Array:
        """Return the mask of a frame.

        Raises:
            MediaError: If no round reached it, or a file is damaged.
        """
        for store in self._stores:
            if number in store:
                return store.read(number)
        msg = f"no round reached frame {number}; delete the work folder and start again"
        raise MediaError(msg)
