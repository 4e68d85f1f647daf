"""A pass: one network through some frames, a chunk at a time, each kept before the next begins."""

import dataclasses
from collections.abc import Callable, Collection, Iterator

import numpy as np

from pocketmatte.cut.composing import Masks
from pocketmatte.cut.footage import Footage, as_unit, in_bytes
from pocketmatte.cut.players import Player
from pocketmatte.cut.store import ArrayStore, chunks
from pocketmatte.cut.work import Work
from pocketmatte.matting.steadying import fused_in_time
from pocketmatte.pictures import UInt8Array
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError

# What becomes of a mask that was found before it is kept: number, frame and mask in, mask out.
Treat = Callable[[int, UInt8Array, FloatArray], FloatArray]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """Where a pass goes.

    Attributes:
        name: Of what is kept of it.
        numbers: The frames, in its order.
        size_hw: Of the frames that it sees.
        into: Where masks or alphas go.
    """

    name: str
    numbers: range
    size_hw: tuple[int, int]
    into: ArrayStore


def play(
    work: Work,
    footage: Footage,
    this: Pass,
    player: Player,
    on_frame: Callable[[], None],
    treat: Treat,
) -> None:
    """Play a pass from where it was left to its end.

    A chunk's masks are written first, then the state behind it. Where a run ends in between, the
    chunk is computed again from the state before it, to the same bits.

    Raises:
        PocketMatteError: If a frame cannot be read, a network refuses, or the disk does.
    """
    done = _brought_back(work, this, player)
    for _ in range(done):
        on_frame()
    frames = footage.small(this.numbers[done:], this.size_hw)
    for part in chunks(this.numbers[done:]):
        made: list[UInt8Array] = []
        for number in part:
            frame = _next(frames)
            mask = treat(number, frame, player.step(number, frame))
            if not np.isfinite(mask).all():
                msg = (
                    f"pass {this.name} gave NaN or infinity at frame {number}; take another "
                    "--recipe, --tier or --weights"
                )
                raise MediaError(msg)
            made.append(in_bytes(mask))
            on_frame()
        this.into.write(part, made)
        done += len(part)
        work.keep(this.name, done, player.run.latest)


def as_found(number: int, frame: UInt8Array, mask: FloatArray) -> FloatArray:  # noqa: ARG001
    """Leave a mask as it was found: see ``Treat``."""
    return mask


def steady(
    work: Work,
    footage: Footage,
    this: Pass,
    masks: Masks,
    given: Collection[int],
    on_frame: Callable[[], None],
) -> None:
    """Fuse the mask of every frame with that of the frame before; see ``matting.steadying``.

    The masks of ``given`` frames stay as the user gave them.

    What is carried is the mask that was kept, in 8 bits, so the store itself is the state.
    """
    kept = work.kept(this.name)
    done = _position(this, kept[0]) if kept else 0
    for _ in range(done):
        on_frame()
    start = max(done - 1, 0)
    frames = footage.small(this.numbers[start:], this.size_hw)
    before: tuple[FloatArray, FloatArray] | None = None
    if done:
        before = as_unit(this.into.read(done - 1)), as_unit(_next(frames))
    for part in chunks(this.numbers[done:]):
        made: list[UInt8Array] = []
        for number in part:
            mask, frame = as_unit(masks.read(number)), as_unit(_next(frames))
            fused = (
                mask if before is None or number in given else fused_in_time(mask, frame, *before)
            )
            made.append(in_bytes(fused))
            before = as_unit(made[-1]), frame
            on_frame()
        this.into.write(part, made)
        done += len(part)
        work.keep(this.name, done, {})


def _brought_back(work: Work, this: Pass, player: Player) -> int:
    """Bring a player to where its pass was left, and return how many frames that is."""
    player.begin()
    kept = work.kept(this.name)
    if kept is None:
        return 0
    position, tensors = kept
    done = _position(this, position)
    with player.run.standing_in():
        player.begin()
        for _ in range(done):
            player.skip()
    player.run.restore(tensors)
    return done


def _position(this: Pass, position: int) -> int:
    if not 0 <= position <= len(this.numbers):
        msg = (
            f"pass {this.name} of {len(this.numbers)} frames was left at {position}; delete the "
            "work folder and start again"
        )
        raise MediaError(msg)
    return position


def _next(frames: Iterator[UInt8Array]) -> UInt8Array:
    frame = next(frames, None)
    if frame is None:
        msg = "the video ended earlier than when it was counted: it changed meanwhile"
        raise MediaError(msg)
    return frame
