"""The pipeline of ``cut`` as what answers a scripted user, for a clip with any number of objects.

``cut`` follows one subject. Of several, each is followed by a run of its own, with its own rounds;
then every pixel goes to the likeliest object, or to the background, which is as likely as that no
object is there.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pocketmatte.cut.composing import Masks, smoothed
from pocketmatte.cut.following import Following, require_alike
from pocketmatte.cut.footage import Footage, counted
from pocketmatte.cut.methods import FusionBy
from pocketmatte.cut.networks import Chosen, Networks
from pocketmatte.cut.passes import Pass, steady
from pocketmatte.cut.request import Cut
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.templates import NoSubjectError
from pocketmatte.cut.work import Work
from pocketmatte.interactive.robot import Hint
from pocketmatte.matting.stretches import stretches
from pocketmatte.media import PictureSource
from pocketmatte.pictures import read_picture, write_image
from pocketmatte.protocols.data import BoolArray
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray

_HALF = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How ``cut`` is run; see ``request.Cut``.

    Attributes:
        chosen: What runs the networks.
        fusion: How the masks of two rounds meet.
        frame_fusion: Whether masks are fused from frame to frame.
        smooth: Whether flicker of one frame is taken out.
        memory_every: Frames from one that is memorised to the next.
    """

    chosen: Chosen
    fusion: FusionBy = "network"
    frame_fusion: bool = True
    smooth: bool = True
    memory_every: int = 5


class CutFollower:
    """Follows the objects of a video by the functions of ``cut``; see ``session.Follower``.

    Args:
        source: The frames.
        objects: Number of objects, at least 1.
        setting: How.
        networks: Of the frames' orientation.
        folder: Empty; what is kept from round to round goes there.

    Raises:
        PocketMatteError: If a network or the source will not do.
    """

    def __init__(
        self,
        source: PictureSource,
        objects: int,
        setting: Setting,
        networks: Networks,
        folder: Path,
    ) -> None:
        if setting.fusion == "network":
            require_alike(networks)
        work = Work(folder, resumed=False)
        size_hw = networks["propagation"].spec.output_hw
        last = len(source.pictures) - 1  # any frame before it may be asked for too
        self._source = source
        self._footage = counted(source, work, {last}, size_hw, _nothing)
        self._subjects = [
            _Subject(self._footage, setting, networks, folder / f"object-{index}")
            for index in range(objects)
        ]

    def answer(self, frame: int, hints: Sequence[Hint | None]) -> int:
        """Take a round in a frame; what leaves nothing of an object changes nothing of it.

        Raises:
            PocketMatteError: If a network refuses, or the disk does.
        """
        self._footage.keep_template(frame, read_picture(self._source.pictures[frame]))
        pairs = zip(self._subjects, hints, strict=True)
        return sum(subject.answer(frame, hint) for subject, hint in pairs if hint is not None)

    def masks(self) -> Iterator[BoolArray]:
        """Yield the masks of all frames, ``(K, H, W)``, at the frames' own size."""
        size_hw = self._footage.source.size_hw
        for soft in zip(*(subject.masks() for subject in self._subjects), strict=True):
            yield winners(np.stack([resized(mask, size_hw) for mask in soft]))


def winners(probabilities: FloatArray) -> BoolArray:
    """Give every pixel to one object at most.

    Args:
        probabilities: ``(K, H, W)`` in 0..1, of each object by itself.

    Returns:
        ``(K, H, W)``: where an object is the likeliest one and as likely as the background at
        least; of equal objects the first.
    """
    if len(probabilities) == 1:  # the same, in a tenth of the time
        return probabilities >= _HALF
    background = np.prod(1 - probabilities, axis=0)
    first = probabilities.argmax(axis=0) == np.arange(len(probabilities))[:, None, None]
    return np.asarray(first & (probabilities >= background))


class _Subject:
    """One object on its way through rounds."""

    def __init__(
        self, footage: Footage, setting: Setting, networks: Networks, folder: Path
    ) -> None:
        folder.mkdir()
        self._footage, self._setting, self._networks = footage, setting, networks
        self._folder = folder
        self._work = Work(folder, resumed=False)
        self._following = Following(self._work, footage, networks, _nothing)
        self._rounds: tuple[Round, ...] = ()
        self._masks: Masks | None = None

    def answer(self, frame: int, hint: Hint) -> int:
        rounds = (*self._rounds, self._round(frame, hint))
        cut = Cut(
            source=self._footage.source.path,
            out=self._folder / "out.mov",
            method="propagate",
            rounds=rounds,
            chosen=self._setting.chosen,
            alpha_of="mask",
            fusion=self._setting.fusion,
            frame_fusion=self._setting.frame_fusion,
            smooth=self._setting.smooth,
            memory_every=self._setting.memory_every,
        )
        older = self._following.templates.keys() - {frame}
        try:
            self._following.add(cut, len(self._rounds), rounds[-1])
        except NoSubjectError:
            return 0
        self._rounds, self._masks = rounds, self._following.masks
        if self._setting.frame_fusion:
            self._masks = self._steadied(self._following.masks)
        to_both_sides = stretches(frame, older, self._footage.count)
        return sum(len(stretch.numbers) for stretch in to_both_sides)

    def _steadied(self, masks: Masks) -> Masks:
        size_hw = masks.shape[0], masks.shape[1]
        name = f"steady-{len(self._rounds)}"
        store = self._work.store(name, size_hw)
        numbers = range(self._footage.count)
        this = Pass(name=name, numbers=numbers, size_hw=size_hw, into=store)
        given = self._following.templates.keys()
        steady(self._work, self._footage, this, masks, given, _nothing)
        return store

    def masks(self) -> Iterator[FloatArray]:
        """Yield ``(h, w)`` in 0..1 of every frame; zeros as long as nothing was given."""
        if self._masks is None:
            nothing = np.zeros((1, 1), np.float32)
            return iter([nothing] * self._footage.count)
        return smoothed(self._masks, self._footage.count, smooth=self._setting.smooth)

    def _round(self, frame: int, hint: Hint) -> Round:
        if hint.mask is not None:
            path = self._folder / f"given-{len(self._rounds)}.png"
            write_image(path, hint.mask.astype(np.uint8) * np.uint8(255))
            return Round(frame=frame, mask=path)
        # what stands out in the picture need not be what the user is after
        return Round(frame=frame, strokes=hint.strokes, fresh=not self._rounds)


def _nothing() -> None:
    pass
