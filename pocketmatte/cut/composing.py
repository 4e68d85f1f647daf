"""The last pass: every frame with its alpha over the background, into the output.

It runs no network and keeps nothing. Where it was stopped it begins again, and gives the same.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from pocketmatte.cut.backgrounds import Background
from pocketmatte.cut.clock import Clock
from pocketmatte.cut.footage import Footage, as_unit, in_bytes
from pocketmatte.cut.kinds import Kind
from pocketmatte.cut.sound import Fate
from pocketmatte.cut.writers import writing
from pocketmatte.matting.steadying import one_frame_delayed
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray


class Masks(Protocol):
    """Something that has the mask or alpha of every frame."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of all of them, in pixels."""
        ...

    def read(self, number: int) -> UInt8Array:
        """Return ``(h, w)`` in 0..255."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """What was written.

    Attributes:
        mean_alpha: Over all frames, in 0..1.
        sound: What became of the sound.
    """

    mean_alpha: float
    sound: Fate


def compose(
    footage: Footage,
    alphas: Masks,
    out: Path,
    kind: Kind,
    clock: Clock,
    *,
    background: Background | None,
    smooth: bool,
    sound_of: Path | None,
    on_frame: Callable[[], None],
) -> Composed:
    """Write the output, whole or not at all.

    Args:
        footage: The frames.
        alphas: Of every frame, at any size; they are stretched to the frame's.
        out: The output.
        kind: Of it.
        clock: When frames are shown.
        background: Behind the subject; ``None`` for an output with alpha.
        smooth: Whether flicker of one frame is taken out; see ``matting.steadying``.
        sound_of: A file whose sound is kept.
        on_frame: Called after each frame.

    Raises:
        PocketMatteError: If a frame cannot be read or the disk refuses.
    """
    size_hw = footage.source.size_hw
    total = 0.0
    alpha = background is None
    with writing(out, kind, size_hw, clock, alpha=alpha, sound_of=sound_of) as writer:
        small = smoothed(alphas, footage.count, smooth=smooth)
        for number, (picture, given) in enumerate(zip(footage.pictures(), small, strict=True)):
            wide = resized(given, size_hw)
            behind = None if background is None else background(clock.seconds(number))
            writer.write(number, laid_over(picture, wide, behind))
            total += float(wide.mean())
            on_frame()
    return Composed(mean_alpha=total / footage.count, sound=writer.sound)


def laid_over(picture: UInt8Array, alpha: FloatArray, behind: UInt8Array | None) -> UInt8Array:
    """Lay a picture over another, or give it its alpha.

    Args:
        picture: ``(H, W, 3)``.
        alpha: ``(H, W)`` in 0..1.
        behind: ``(H, W, 3)``; ``None`` for alpha.

    Returns:
        ``(H, W, 3)``; or ``(H, W, 4)``, straight, and black where nothing is seen: what was behind
        the subject does not travel along.
    """
    if behind is None:
        level = in_bytes(alpha)[..., None]
        return np.concatenate([picture * (level > 0), level], axis=2)
    share = alpha[..., None]
    mixed = picture * share + behind * (1 - share)
    rounded: UInt8Array = mixed.round().clip(0, 255).astype(np.uint8)
    return rounded


def smoothed(alphas: Masks, count: int, *, smooth: bool) -> Iterator[FloatArray]:
    """Yield ``(h, w)`` in 0..1 of every frame; the first and the last are as they are.

    Args:
        alphas: Of every frame.
        count: Of the frames, at least 1.
        smooth: Whether flicker of one frame is taken out; see ``matting.steadying``.
    """
    before = now = as_unit(alphas.read(0))
    for number in range(count):
        if number + 1 == count or not smooth:
            yield now
            if number + 1 < count:
                now = as_unit(alphas.read(number + 1))
            continue
        after = as_unit(alphas.read(number + 1))
        yield one_frame_delayed(before, now, after) if number else now
        before, now = now, after
