"""Pseudo-video: stills with mattes that are made to move."""

import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.training import looks, placement
from pocketmatte.training.backdrops import random_backdrop
from pocketmatte.training.cutouts import Cutout, make_cutout
from pocketmatte.training.layers import random_colour_table
from pocketmatte.training.library import CutoutItem
from pocketmatte.training.looks import Parts
from pocketmatte.training.motion import (
    KNOTS,
    STILL,
    FloatArray,
    Track,
    scaling,
    translation,
)
from pocketmatte.training.picture_shelf import PictureShelf, shrunk
from pocketmatte.training.sensor import NoiseBank
from pocketmatte.training.staging import (
    Actor,
    Backdrop,
    SizeHW,
    exposures,
    filmed,
    random_attitude,
    random_camera,
    seen,
)
from pocketmatte.training.stills import Still, Stills, chosen_labels, winners
from pocketmatte.training.video import Video
from pocketmatte.training.warps import random_bend, sampled

# A clip is drawn anew if no object shows this share of its first frame.
_LEAST_SHARE = 0.06
_ATTEMPTS = 5

# Cutouts kept in memory; one takes up to 0.8 MB.
_KEPT = 48


class PseudoVideos:
    """Stills that move by easing curves; a `VideoSource`.

    A still with an alpha is lifted from its picture and moves over another background, apart from
    it. One with a hard mask is warped whole, for nothing is known of what its border hides. Both
    are shifted, turned, zoomed, tilted and bent as a thin plate, and recoloured.

    Args:
        stills: Where pictures and mattes come from.
        size_hw: Height and width of the frames, in pixels.
        length: Frames of a clip, ``T``.
        objects: Objects of a clip, ``K``; a clip may show fewer, the others' alphas are 0.
        seed: Of everything random.
        pictures: Folder of pictures for backgrounds, beside scikit-image's.

    Raises:
        MediaError: If the folder holds no picture.
        ValueError: If a number is too small, or there is no still.
    """

    def __init__(
        self,
        stills: Stills,
        size_hw: SizeHW,
        length: int,
        objects: int,
        seed: int,
        pictures: Path | None = None,
    ) -> None:
        if min(size_hw) < 32 or min(length, objects, len(stills)) < 1:
            msg = (
                f"clips of {length} frames of {size_hw[1]}x{size_hw[0]} with {objects} objects"
                f" from {len(stills)} stills; at least 1 frame of 32x32, 1 object and 1 still"
                " are needed"
            )
            raise ValueError(msg)
        self._stills, self._size_hw, self._length = stills, size_hw, length
        self._objects, self._seed = objects, seed
        self._shelf = PictureShelf(pictures, max(size_hw))
        self._noise = NoiseBank(size_hw, seed)
        self._kept: OrderedDict[int, Cutout | None] = OrderedDict()

    def video(self, index: int) -> Video:
        """Draw the clip of that number.

        Raises:
            MediaError: If a file cannot be read.
        """
        for attempt in range(_ATTEMPTS):
            random = np.random.default_rng((self._seed, index, attempt))
            numbers = random.integers(0, len(self._stills), self._objects).tolist()
            first = self._stills[numbers[0]]
            parts = self._composed(random, numbers) if first.soft else self._warped(random, first)
            if float(parts.alphas[0].mean((-2, -1)).amax()) >= _LEAST_SHARE:
                break
        return looks.photographed(random, parts, self._noise)

    def _composed(self, random: np.random.Generator, numbers: list[int]) -> Parts:
        """Foregrounds of stills before another background."""
        common = random_colour_table(random, 0.5)
        camera = random_camera(random, self._size_hw, 0.5)
        backdrop = random_backdrop(random, self._shelf, self._size_hw, camera, common)
        actors = []
        for owner, number in zip(random.permutation(self._objects), numbers, strict=True):
            actor = self._actor(random, number, int(owner), common)
            if actor is not None:
                actors.append(actor)
        # The first still is nearest, so that it is not hidden.
        actors.reverse()
        times = exposures(random, self._length, [*actors, backdrop], self._size_hw)
        parts = filmed(actors, backdrop, times, self._size_hw, self._objects)
        return looks.graded(random, parts, 0.6)

    def _actor(
        self, random: np.random.Generator, number: int, owner: int, common: FloatArray
    ) -> Actor | None:
        """A still's foreground on its way, or None if it has no soft matte."""
        cutout = self._cutout(number)
        if cutout is None:
            return None
        kind = "half" if "bottom" in cutout.cut else "thing"
        item = CutoutItem(
            name=str(number), kind=kind, pixels=cutout.pixels, cut=frozenset(cutout.cut)
        )
        if random.random() < 0.5:
            item = placement.mirrored(item)
        limits = placement.random_limits(random, self._size_hw, still_share=0.05, strength=2.5)
        path = placement.stand(random, item, self._size_hw, KNOTS, limits)
        size_hw = item.pixels.shape[1], item.pixels.shape[2]
        bend = random_bend(random, random.uniform(0.01, 0.12))
        if item.cut:
            # The side that the picture's edge cut is outside of the frame and has to stay there.
            bend = bend.held_at(item.cut)
        else:
            path = path @ _about_centre(random, size_hw, 0.5)
        colour = looks.recoloured(random, item.pixels[..., :3], 0.5, common)
        alpha = torch.from_numpy(item.pixels[:, None, ..., 3].astype(np.float32) / 255.0)
        pixels, shrinkage = _as_shown(torch.cat((colour * alpha, alpha), 1), path)
        return Actor(pixels=pixels, path=Track(knots=path @ shrinkage), owner=owner, bend=bend)

    def _cutout(self, number: int) -> Cutout | None:
        """Lift a still's foreground, or take it from those kept."""
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        still = self._stills[number]
        cutout = None
        if still.soft:
            side_px = round(1.25 * max(self._size_hw))
            alpha = shrunk(still.matte, side_px).astype(np.float32) / 255.0
            cutout = make_cutout([shrunk(still.picture, side_px)], [alpha])
        self._kept[number] = cutout
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return cutout

    def _warped(self, random: np.random.Generator, still: Still) -> Parts:
        """A whole picture that moves with its masks."""
        side_px = round(1.25 * max(self._size_hw))
        common = random_colour_table(random, 0.3)
        picture = shrunk(still.picture, side_px)
        colour = looks.recoloured(random, picture[None], 0.5, common)[0]
        masks = torch.zeros(self._objects, *picture.shape[:2])
        for number, label in enumerate(chosen_labels(random, [still.matte], self._objects)):
            mask = shrunk(np.asarray(255 * (still.matte == label), np.uint8), side_px)
            masks[number] = torch.from_numpy(mask.astype(np.float32) / 255.0)
        whole = torch.cat((colour, masks))
        if random.random() < 0.5:
            whole = whole.flip(-1)
        picture_hw = picture.shape[0], picture.shape[1]
        at = placement.cover(random, picture_hw, self._size_hw, 1, STILL)
        tilt = _about_centre(random, self._size_hw, 0.5)
        path = seen(random_camera(random, self._size_hw, 1.0), tilt @ at, 1.0)
        bend = random_bend(random, random.uniform(0.01, 0.1))
        scene = Backdrop(pictures=whole[None], path=path)
        shots = []
        for moments in exposures(random, self._length, [scene], self._size_hw):
            box, fields = (0, 0, *self._size_hw), bend.fields(moments)
            shots.append(sampled(whole, path.at(moments), box, fields, "reflection").mean(0))
        clip = torch.stack(shots)
        frames = clip[:, :3]
        return Parts(foreground=frames, alphas=winners(clip[:, 3:]), background=frames)


def _about_centre(
    random: np.random.Generator, size_hw: tuple[int, int], strength: float
) -> FloatArray:
    """An attitude about the centre of a picture, ``(KNOTS, 3, 3)``."""
    centre = 0.5 * size_hw[1], 0.5 * size_hw[0]
    turned = random_attitude(random, max(size_hw), strength)
    return np.asarray(translation(*centre) @ turned @ translation(-centre[0], -centre[1]))


def _as_shown(pixels: Tensor, path: FloatArray) -> tuple[Tensor, FloatArray]:
    """Shrink a picture ``(1, C, h, w)`` that is shown smaller, and tell how much."""
    linear = path[:, :2, :2] / path[:, 2:, 2:]
    scale = math.sqrt(float(np.abs(np.linalg.det(linear)).max()))
    if scale > 0.8:
        return pixels, np.eye(3)
    height, width = pixels.shape[-2:]
    small = max(round(height * scale), 4), max(round(width * scale), 4)
    return (
        F.interpolate(pixels, small, mode="bilinear", antialias=True),
        scaling(width / small[1], height / small[0]),
    )
