"""Clips of made-up things that pass before one another: the role that BL30K has for MiVOS."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from pocketmatte.training import looks
from pocketmatte.training.backdrops import random_backdrop
from pocketmatte.training.layers import random_colour_table
from pocketmatte.training.looks import Parts
from pocketmatte.training.motion import (
    KNOTS,
    FloatArray,
    Track,
    random_progress,
    translation,
)
from pocketmatte.training.objects import random_thing
from pocketmatte.training.picture_shelf import PictureShelf
from pocketmatte.training.sensor import NoiseBank
from pocketmatte.training.staging import (
    Actor,
    Shadow,
    SizeHW,
    exposures,
    filmed,
    random_attitude,
    random_camera,
    seen,
)
from pocketmatte.training.video import Video

# A clip is drawn anew if an object shows less than this share of the first frame, or of more than
# a third of all frames.
_LEAST_SHARE = 0.005
_ABSENT_SHARE = 0.34

# It is drawn anew, too, if an object differs from what is behind it by less than this on average,
# of a range of 1: nobody could find it.
_LEAST_CONTRAST = 0.06
_ATTEMPTS = 6

_DISTRACTOR_SHARE = 0.45
_NEARER_SHARE = 0.12  # of clips, with something before all objects
_MEETING_SHARE = 0.65


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Role:
    """Where a thing is and goes: its side in pixels, and its centre, ``(KNOTS, 2)`` as x and y."""

    side_px: int
    centre: FloatArray


class ObjectVideos:
    """Made-up things with exact alphas; a `VideoSource`.

    Every object shows in the first frame; nearer ones hide farther ones, which come back, and
    things that are no object lie behind, between and before them.

    Args:
        size_hw: Height and width of the frames, in pixels.
        length: Frames of a clip, ``T``.
        objects: Objects of a clip, ``K``.
        seed: Of everything random.
        pictures: Folder of pictures for backgrounds and textures, beside scikit-image's.
        clutter: How often things that are no objects lie among them, 0..1 of the usual: a network
            that is told nothing of the objects can only guess which those are.

    Raises:
        MediaError: If the folder holds no picture.
        ValueError: If a number is too small.
    """

    def __init__(
        self,
        size_hw: SizeHW,
        length: int,
        objects: int,
        seed: int,
        pictures: Path | None = None,
        clutter: float = 1.0,
    ) -> None:
        if min(size_hw) < 32 or min(length, objects) < 1:
            msg = (
                f"clips of {length} frames of {size_hw[1]}x{size_hw[0]} with {objects} objects;"
                " at least 1 frame of 32x32 with 1 object is needed"
            )
            raise ValueError(msg)
        self._size_hw, self._length, self._objects, self._seed = size_hw, length, objects, seed
        self._clutter = clutter
        self._shelf = PictureShelf(pictures, max(size_hw))
        self._noise = NoiseBank(size_hw, seed)

    def video(self, index: int) -> Video:
        """Draw the clip of that number."""
        for attempt in range(_ATTEMPTS):
            random = np.random.default_rng((self._seed, index, attempt))
            parts = looks.graded(random, self._filmed(random), 0.25)
            if _shows_all(parts):
                break
        return looks.photographed(random, parts, self._noise)

    def _filmed(self, random: np.random.Generator) -> Parts:
        common = random_colour_table(random, 0.5)
        camera = random_camera(random, self._size_hw, 1.0)
        backdrop = random_backdrop(random, self._shelf, self._size_hw, camera, common)
        roles = self._roles(random)
        actors: list[Actor] = []
        closeness = np.sort(random.uniform(1.0, 1.4, self._objects))
        # Objects have no fixed number: the nearest one may be any.
        owners = random.permutation(self._objects)
        for near, role, owner in zip(closeness, roles, owners, strict=True):
            if random.random() < self._clutter * _DISTRACTOR_SHARE / self._objects:
                actors += self._actors(random, camera, near, self._aside(random), None, common)
            actors += self._actors(random, camera, near, role, int(owner), common)
        if random.random() < self._clutter * _NEARER_SHARE:
            actors += self._actors(random, camera, 1.5, self._aside(random), None, common)
        times = exposures(random, self._length, [*actors, backdrop], self._size_hw)
        return filmed(actors, backdrop, times, self._size_hw, self._objects)

    def _side_px(self, random: np.random.Generator, low: float, high: float) -> int:
        share = math.exp(random.uniform(math.log(low), math.log(high)))
        return max(int(share * min(self._size_hw)), 24)

    def _roles(self, random: np.random.Generator) -> list[_Role]:
        """Places and ways of all objects, the farthest first."""
        height, width = self._size_hw
        crowd = max(self._objects, 1) ** -0.3
        anchors: list[FloatArray] = []
        roles: list[_Role] = []
        for _ in range(self._objects):
            tries = random.uniform(0.15, 0.85, (4, 2)) * (width, height)
            apart = [min((np.hypot(*(at - b)) for b in anchors), default=0.0) for at in tries]
            anchor = tries[int(np.argmax(apart))]
            progress = random_progress(random, KNOTS)
            passed = progress - progress[0]
            if roles and random.random() < _MEETING_SHARE:
                other = roles[int(random.integers(len(roles)))]
                travel = _towards(random, anchor, passed, other, self._size_hw)
            else:
                travel = _anywhere(random, anchor, passed, self._size_hw)
            side_px = self._side_px(random, 0.6 * crowd, 1.7 * crowd)
            roles.append(_Role(side_px=side_px, centre=anchor + passed[:, None] * travel))
            anchors.append(anchor)
        return roles

    def _aside(self, random: np.random.Generator) -> _Role:
        """The place and way of something that is no object."""
        height, width = self._size_hw
        anchor = random.uniform(0.0, 1.0, 2) * (width, height)
        progress = random_progress(random, KNOTS)
        passed = progress - progress[0]
        travel = _anywhere(random, anchor, passed, self._size_hw) * (random.random() < 0.5)
        return _Role(
            side_px=self._side_px(random, 0.25, 0.9), centre=anchor + passed[:, None] * travel
        )

    def _actors(
        self,
        random: np.random.Generator,
        camera: Track,
        closeness: float,
        role: _Role,
        owner: int | None,
        common: FloatArray,
    ) -> list[Actor]:
        """Draw a thing and send it on its way."""
        blur_px = random.uniform(0.4, 2.5) * min(self._size_hw) / 256.0
        blur_px *= random.random() < 0.3
        pieces = random_thing(random, self._shelf.draw(random), role.side_px, blur_px, common)
        way = np.array([translation(x, y) for x, y in role.centre.tolist()])
        path = way @ random_attitude(random, role.side_px, 1.0)
        shadow = None
        if random.random() < 0.35:
            down, right = (int(step) for step in random.integers(-3, 4, 2))
            shadow = Shadow(strength=random.uniform(0.15, 0.7), shift_cells=(down, right))
        return [
            Actor(
                pixels=piece.pixels[None],
                path=seen(camera, path @ piece.path.knots, closeness),
                owner=owner,
                bend=piece.bend,
                shadow=shadow if number == 0 else None,
            )
            for number, piece in enumerate(pieces)
        ]


def _shows_all(parts: Parts) -> bool:
    """Whether every object shows, in the first frame and in most, and can be told apart."""
    areas = parts.alphas.mean((-2, -1))
    shows = areas >= _LEAST_SHARE
    present = shows[0] & (shows.float().mean(0) >= 1.0 - _ABSENT_SHARE)
    apart = (parts.foreground - parts.background).abs().mean(1, keepdim=True)
    contrast = (apart * parts.alphas).mean((-2, -1))[0] / areas[0].clamp(min=1e-6)
    return bool((present & (contrast >= _LEAST_CONTRAST)).all())


def _anywhere(
    random: np.random.Generator, anchor: FloatArray, passed: FloatArray, frame_hw: SizeHW
) -> FloatArray:
    """How far to travel, as x and y in pixels, so that the centre stays near the frame."""
    size = np.array(frame_hw[::-1], np.float64)
    heading = random.uniform(0.0, 2.0 * np.pi)
    travel = 0.9 * random.random() ** 1.3 * size * (np.cos(heading), np.sin(heading))
    offsets = passed[:, None] * travel
    room = np.where(offsets > 0.0, 1.08 * size - anchor, -0.08 * size - anchor)
    share = np.min(np.where(np.abs(offsets) > 1e-9, room / np.where(offsets, offsets, 1.0), 1.0))
    return np.asarray(travel * min(max(share, 0.0), 1.0))


def _towards(
    random: np.random.Generator,
    anchor: FloatArray,
    passed: FloatArray,
    other: _Role,
    frame_hw: SizeHW,
) -> FloatArray:
    """How far to travel so that the way crosses another's at some time, as x and y in pixels."""
    far = np.abs(passed).max()
    if not far:
        return np.zeros(2)
    size = np.array(frame_hw[::-1], np.float64)
    # The other thing is passed by, unless the way would lead out of the frame: then it is reached.
    for share in (random.uniform(0.5, 1.0), 1.0):
        moment = int(np.flatnonzero(np.abs(passed) >= share * far)[0])
        aim = other.centre[moment] + random.normal(0.0, 0.12 * other.side_px, 2)
        travel = (aim - anchor) / passed[moment]
        ends = anchor + np.outer((passed.min(), passed.max()), travel)
        if (ends > 0.0).all() and (ends < size).all():
            break
    return np.asarray(travel)
