"""What the scripted user looks at, and what it draws: the worst frame, and what is wrong there.

After the robot of Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation", 2018:
all strokes of a round are in the frame that is the worst by now, through the middle of what is
wrong in it. Here they are in the few largest wrong regions of either kind, as a person draws them.
"""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from pocketmatte.matting.crop import Stroke
from pocketmatte.protocols.data import BoolArray
from pocketmatte.scribbles import LEAST_AREA_PX, error_regions, largest_region, scribble_line

STROKES = 3  # of either kind, an object and a round


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """What the user gives of one object in a frame: its strokes, or its mask.

    Attributes:
        strokes: Where the object is and is not.
        mask: ``(H, W)``, the mask itself; no strokes then.
    """

    strokes: tuple[Stroke, ...] = ()
    mask: BoolArray | None = None


def worst_first(values: Sequence[float], asked: Collection[int] = ()) -> list[int]:
    """Return the frames that may be asked for, the worst first, the earlier one of equal ones.

    Args:
        values: Quality of every frame; higher is better.
        asked: Frames that are left out.
    """
    return sorted(set(range(len(values))) - set(asked), key=lambda number: (values[number], number))


def corrections(
    predicted: BoolArray,
    true: BoolArray,
    randoms: Sequence[np.random.Generator],
    *,
    strokes: int = STROKES,
) -> tuple[Hint | None, ...]:
    """Return the strokes that mend the masks of a frame, an object each; ``None`` for none.

    Args:
        predicted: ``(K, H, W)``, the masks so far, one object a plane.
        true: Of the same shape.
        randoms: Where strokes begin and end, one an object.
        strokes: Of either kind at most, an object.

    Raises:
        ValueError: If the shapes differ or there are other than K generators.
    """
    hints: list[Hint | None] = []
    for found, wanted, random in zip(predicted, true, randoms, strict=True):
        errors = error_regions(found, wanted)
        drawn = [
            *_strokes(errors.missing, random, strokes, positive=True),
            *_strokes(errors.surplus, random, strokes, positive=False),
        ]
        hints.append(Hint(strokes=tuple(drawn)) if drawn else None)
    return tuple(hints)


def first_strokes(
    true: BoolArray, randoms: Sequence[np.random.Generator], *, strokes: int = STROKES
) -> tuple[Hint | None, ...]:
    """Return strokes on objects that nothing is known of; those on the others say no.

    Args:
        true: ``(K, H, W)``, one object a plane.
        randoms: One an object.
        strokes: On each of them, at most.
    """
    drawn = [
        list(_strokes(wanted, random, strokes, positive=True))
        for wanted, random in zip(true, randoms, strict=True)
    ]
    hints: list[Hint | None] = []
    for index, own in enumerate(drawn):
        others = [
            dataclasses.replace(each, positive=False)
            for other, theirs in enumerate(drawn)
            for each in theirs
            if other != index
        ]
        hints.append(Hint(strokes=(*own, *others)) if own else None)
    return tuple(hints)


def true_masks(predicted: BoolArray | None, true: BoolArray) -> tuple[Hint | None, ...]:
    """Return the masks of a user who draws perfectly; ``None`` where nothing is wrong or there.

    Args:
        predicted: ``(K, H, W)``, the masks so far; ``None`` for none.
        true: ``(K, H, W)``, one object a plane.
    """
    return tuple(
        Hint(mask=wanted)
        if wanted.any() and (predicted is None or (predicted[index] != wanted).any())
        else None
        for index, wanted in enumerate(true)
    )


def _strokes(
    region: BoolArray, random: np.random.Generator, most: int, *, positive: bool
) -> Iterator[Stroke]:
    rest = region.copy()
    for _ in range(most):
        part = largest_region(rest, LEAST_AREA_PX)
        if not part.any():
            return
        pixels = scribble_line(part, random)
        yield Stroke(
            positive=positive, points=tuple((float(x), float(y)) for y, x in pixels.tolist())
        )
        rest &= ~part
