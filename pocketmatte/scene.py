"""Scenes of photographs that move, with masks: what files are proven on, and calibrated with."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from skimage.draw import polygon

from pocketmatte.matting.board import Moment
from pocketmatte.pictures import UInt8Array
from pocketmatte.pseudo_video import pseudo_video, standard_picture
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.stepping import as_nchw
from pocketmatte.tolerances import DRIFT_FRAMES
from tiers.spec import TierSpec

_STANDARD = "astronaut"
# Outlines of what stands out in each picture, x and y in its pixels, traced by hand: the person and
# the helmet she holds, the man behind a camera, the cup with its saucer, the cat, the launcher on
# its mount.
_OUTLINES: Mapping[str, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        "astronaut": (
            (155, 70), (170, 40), (200, 20), (235, 14), (270, 28), (295, 55), (301, 90), (290, 115),
            (272, 130), (262, 165), (258, 175), (285, 195), (303, 225), (305, 240), (330, 255),
            (348, 275), (358, 310), (362, 345), (390, 343), (430, 350), (465, 368), (488, 400),
            (497, 440), (503, 460), (511, 490), (511, 511), (30, 511), (22, 430), (22, 380),
            (30, 330), (45, 280), (70, 245), (115, 210), (113, 195), (122, 175), (150, 155),
            (183, 148), (180, 130), (172, 118), (158, 105), (153, 85),
        ),
        "camera": (
            (0, 257), (18, 235), (28, 222), (40, 195), (52, 180), (60, 160), (75, 142), (95, 131),
            (125, 124), (132, 121), (148, 107), (160, 105), (168, 85), (185, 71), (200, 64),
            (220, 66), (235, 74), (250, 88), (262, 103), (270, 115), (269, 124), (262, 131),
            (255, 140), (254, 163), (248, 172), (246, 181), (240, 190), (242, 200), (243, 216),
            (240, 225), (247, 245), (262, 230), (264, 213), (275, 207), (293, 206), (305, 187),
            (320, 185), (320, 170), (327, 169), (331, 178), (331, 195), (325, 210), (312, 223),
            (297, 231), (303, 273), (290, 285), (270, 300), (250, 311), (240, 312), (220, 303),
            (206, 294), (190, 318), (165, 352), (140, 382), (148, 420), (149, 470), (151, 511),
            (139, 511), (130, 490), (115, 465), (100, 446), (97, 465), (90, 511), (0, 511),
        ),
        "coffee": (
            (173, 102), (173, 65), (189, 41), (221, 24), (286, 16), (356, 30), (394, 59), (410, 67),
            (424, 81), (418, 121), (453, 167), (475, 221), (475, 270), (453, 318), (399, 365),
            (324, 388), (237, 377), (162, 343), (108, 286), (80, 221), (86, 162), (124, 108),
            (167, 78),
        ),
        "chelsea": (
            (0, 299), (0, 162), (37, 119), (31, 65), (43, 27), (47, 0), (403, 0), (382, 43),
            (366, 75), (363, 140), (349, 178), (330, 205), (317, 259), (295, 299),
        ),
        "rocket": (
            (311, 146), (317, 129), (322, 126), (329, 129), (335, 146), (338, 404), (373, 408),
            (373, 426), (267, 426), (267, 408), (311, 404),
        ),
    }
)  # fmt: skip


def standard_scene(spec: TierSpec, count: int) -> Iterator[Moment]:
    """Yield the moments that parity is proven on.

    Args:
        spec: The tier, whose output size frames and masks have.
        count: Their number. The last moment equals the first; from ``DRIFT_FRAMES`` on the scene is
            played twice, so that ``signal_errors.drift_ratio`` compares like with like; one that
            is left over is the first once more.

    Returns:
        Frames of multiples of 1/255, as a camera's are, and the person's mask.
    """
    if count < DRIFT_FRAMES:
        return pictured_scene(_STANDARD, spec, count)
    laps = (pictured_scene(_STANDARD, spec, count // 2) for _ in range(3))
    return itertools.islice(itertools.chain.from_iterable(laps), count)


def pictured_scene(picture: str, spec: TierSpec, count: int) -> Iterator[Moment]:
    """Yield the moments of a scene made of one of ``pseudo_video.standard_pictures``.

    Args:
        picture: Its name; ``standard_scene`` is that of the astronaut.
        spec: The tier, whose output size frames and masks have.
        count: Their number; the last moment equals the first.
    """
    frames = pseudo_video(standard_picture(picture), spec.output_hw, count, closed=True)
    masks = pseudo_video(_outlined(picture), spec.output_hw, count, closed=True)
    for frame, mask in zip(frames, masks, strict=True):
        yield Moment(frame=_unit(frame), mask=_unit(mask)[:, :1].copy())


def _unit(picture: UInt8Array) -> FloatArray:
    return as_nchw(picture.astype(np.float32) / np.float32(255))


@functools.cache
def _outlined(picture: str) -> UInt8Array:
    height, width, _ = standard_picture(picture).shape
    x, y = np.array(_OUTLINES[picture]).T
    inside = np.zeros((height, width, 3), dtype=np.uint8)
    inside[polygon(y, x)] = 255  # type: ignore[no-untyped-call]
    return inside
