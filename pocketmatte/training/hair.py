"""Hair and fur: strands that grow from an outline, in locks, finer and fainter to the tip."""

import numpy as np

from pocketmatte.training.shapes import FloatArray, Stencil

# Straight pieces of a strand.
_STEPS = 6

# How opaque a tip is; the root is opaque.
_TIP = 0.3


def grow_hair(
    random: np.random.Generator,
    stencil: Stencil,
    shade: Stencil,
    outline: FloatArray,
    reach: float,
) -> None:
    """Let hair grow outwards; some is combed to one side, some falls, some curls.

    Args:
        random: Source of chance.
        stencil: To draw the strands on.
        shade: To draw their brightness on, of the stencil's size; 128 is unchanged.
        outline: ``(N, 2)`` closed, about the origin.
        reach: Length of the longest strands, in half sides of the stencil at scale 1.
    """
    strands = int(stencil.side_px * random.uniform(1.0, 4.5))
    place = random.uniform(0.0, len(outline), strands)
    low = place.astype(np.intp)
    step = np.roll(outline, -1, 0)[low] - outline[low]
    at = outline[low] + (place - low)[:, None] * step
    outwards = np.arctan2(at[:, 1], at[:, 0])
    locks = int(random.integers(4, 48))
    lock = place / len(outline) * locks
    knots = np.arange(locks + 1)
    comb = np.interp(lock, knots, random.normal(0.0, 0.5, locks + 1))
    # Strands of one lock lean towards its middle, so that it ends in a point.
    lean = random.uniform(0.0, 0.9) * (0.5 - lock % 1.0)
    heading = outwards + random.normal(0.0, 0.4) + comb + lean + random.normal(0.0, 0.1, strands)
    lengths = reach * np.interp(lock, knots, random.uniform(0.35, 1.0, locks + 1))
    lengths = lengths * random.uniform(0.5, 1.0, strands) / _STEPS
    fall, down = random.uniform(0.0, 1.0) ** 2, random.uniform(0.0, 2.0 * np.pi)
    curl = random.normal(0.0, 0.7) + random.normal(0.0, 0.25, strands)
    # Roots are a little inside.
    points = [at * 0.96]
    for number in range(_STEPS):
        share = number / _STEPS
        away = np.angle(np.exp(1j * (down - heading)))
        turn = heading + curl * share + fall * share * away
        points.append(points[-1] + lengths[:, None] * np.stack((np.cos(turn), np.sin(turn)), -1))
    grey = random.integers(70, 200, strands)
    root_px = random.uniform(0.5, 1.4)
    # Tips first: roots, which are more opaque, are drawn over them.
    for number in reversed(range(_STEPS)):
        left = 1.0 - number / _STEPS
        pieces = np.stack((points[number], points[number + 1]), 1)
        opacity = np.full(strands, int(255.0 * (_TIP + (1.0 - _TIP) * left)))
        stencil.segments(pieces, root_px * left, opacity)
        shade.segments(pieces, root_px * left, grey)
