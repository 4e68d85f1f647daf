"""Self-made foregrounds: jointed, dressed human-like figures that move.

They need not be pretty; what counts is that their outline is exactly known and that build, pose,
dress and light differ from one to the next.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocketmatte.training import drawing, poses, wardrobe
from pocketmatte.training.drawing import Canvas
from pocketmatte.training.textures import Picture

FloatArray = NDArray[np.float64]

# The canvas in body heights: room for raised arms above and wide ones beside.
_ABOVE, _BELOW, _ASIDE = 0.28, 0.04, 0.52


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One dressed body.

    Attributes:
        build: Its proportions.
        dress: Its textures and what it wears.
        strands: ``(S, 4)`` hair strands: root angle and reach, bend, and shade.
        hair_length: Reach of the hair below the crown, in head heights.
        head_radii: Half width and half height of the head, in body heights.
    """

    build: poses.Build
    dress: wardrobe.Dress
    strands: FloatArray
    hair_length: float
    head_radii: tuple[float, float]


def random_figure(random: np.random.Generator, photo: Picture | None = None) -> Figure:
    """Draw a figure; ``photo`` may serve as the pattern of its clothes."""
    build = poses.Build(
        shoulder=random.uniform(0.085, 0.125),
        hip=random.uniform(0.045, 0.07),
        girth=random.choice((1.0, 1.0, 1.3)) * random.uniform(0.8, 1.2),
        facing=str(random.choice(("front", "back", "side"), p=(0.6, 0.2, 0.2))),
    )
    strand_count = int(random.integers(0, 60))
    strands = np.stack(
        (
            random.uniform(-1.9, 1.9, strand_count),
            random.uniform(1.0, random.uniform(1.05, 1.6), strand_count),
            random.normal(0.0, 0.35, strand_count),
            random.uniform(0.6, 1.3, strand_count),
        ),
        -1,
    )
    width = random.uniform(0.043, 0.054)
    return Figure(
        build=build,
        dress=wardrobe.random_dress(random, facing=build.facing, photo=photo),
        strands=strands,
        hair_length=random.choice((0.0, 0.9, 0.9, 0.9, 1.1, random.uniform(1.2, 3.5))),
        head_radii=(width, width * random.uniform(1.2, 1.45)),
    )


def render(
    figure: Figure, random: np.random.Generator, length: int, height_px: float
) -> NDArray[np.uint8]:
    """Let a figure move for ``length`` frames.

    Args:
        figure: Who moves.
        random: Draws the movement.
        length: Frames.
        height_px: Height of the body when it stands straight, in pixels.

    Returns:
        ``(length, H, W, 4)`` uint8, straight RGB and alpha; the floor is near the lower edge.
    """
    joints = poses.random_pose(random, figure.build, length)
    size_hw = int(height_px * (1.0 + _ABOVE + _BELOW)), int(height_px * 2.0 * _ASIDE)
    origin = np.array((_ASIDE, _ABOVE))
    placed = {
        field.name: (getattr(joints, field.name) + origin) * height_px
        for field in dataclasses.fields(joints)
    }
    front_arm = [bool(random.random() < 0.75), bool(random.random() < 0.75)]
    phase = random.uniform(0.0, 6.0)
    frames = []
    for index in range(length):
        at = {name: track[..., index, :] for name, track in placed.items()}
        canvas = Canvas(size_hw)
        _Painter(canvas, figure, height_px, at, phase + 0.3 * index).paint(front_arm)
        frames.append(canvas.finish())
    return np.stack(frames)


class _Painter:
    """Paints one frame of one figure, back to front."""

    def __init__(
        self,
        canvas: Canvas,
        figure: Figure,
        height_px: float,
        at: dict[str, FloatArray],
        phase: float,
    ) -> None:
        self._canvas, self._figure, self._at, self._phase = canvas, figure, at, phase
        self._unit = height_px * figure.build.girth
        self._height_px = height_px

    def paint(self, front_arm: list[bool]) -> None:
        """Paint the whole figure; ``front_arm`` tells which arms lie before the trunk."""
        facing = self._figure.build.facing
        for side in (0, 1):
            if not front_arm[side]:
                self._arm(side)
        if facing != "back":
            self._long_hair()
        for side in (0, 1):
            self._leg(side)
        self._trunk()
        self._head()
        if facing == "back":
            self._long_hair()
        for side in (0, 1):
            if front_arm[side]:
                self._arm(side)

    def _limb(
        self,
        start: FloatArray,
        end: FloatArray,
        radii: tuple[float, float],
        texture: Image.Image,
    ) -> None:
        pixels = (radii[0] * self._unit, radii[1] * self._unit)
        mapping = drawing.along(start, end, max(pixels), texture.size[::-1])
        self._canvas.polygon(drawing.limb_outline(start, end, pixels), texture, mapping)

    def _arm(self, side: int) -> None:
        at, dress = self._at, self._figure.dress
        shoulder, elbow, hand = at["shoulders"][side], at["elbows"][side], at["hands"][side]
        tip = hand + (hand - elbow) * 0.28
        if dress.held is not None and side == dress.held_side:
            self._limb(
                hand, hand + dress.held_reach * self._height_px, dress.held_radii, dress.held
            )
        self._limb(hand, tip, (0.018, 0.016), dress.skin)
        self._limb(elbow, hand, (0.024, 0.016), dress.skin)
        self._limb(shoulder, elbow, (0.03, 0.024), dress.skin)
        wide = dress.sleeve_width
        if dress.sleeve > 0.0:
            end = shoulder + (elbow - shoulder) * min(dress.sleeve, 1.0)
            if dress.sleeve > 1.0:
                cuff = elbow + (hand - elbow) * (dress.sleeve - 1.0)
                self._limb(elbow, cuff, (0.027 * wide, 0.02 * wide), dress.sleeve_texture)
            self._limb(shoulder, end, (0.034 * wide, 0.028 * wide), dress.sleeve_texture)

    def _leg(self, side: int) -> None:
        at, dress = self._at, self._figure.dress
        hip, knee, ankle = at["hips"][side], at["knees"][side], at["ankles"][side]
        wide = dress.trouser_width
        outward = (-1.0, 1.0)[side] * (1.0 if self._figure.build.facing != "side" else 0.0) + 0.4
        toe = ankle + np.array((0.035 * outward, 0.022)) * self._height_px
        self._limb(ankle + np.array((0.0, 0.012 * self._height_px)), toe, (0.02, 0.016), dress.shoe)
        self._limb(knee, ankle, (0.032, 0.019), dress.skin)
        self._limb(hip, knee, (0.05, 0.034), dress.skin)
        if dress.trouser > 0.0:
            end = hip + (knee - hip) * min(dress.trouser, 1.0)
            if dress.trouser > 1.0:
                cuff = knee + (ankle - knee) * (dress.trouser - 1.0)
                self._limb(knee, cuff, (0.035 * wide, 0.024 * wide**2), dress.trouser_texture)
            self._limb(hip, end, (0.053 * wide**0.5, 0.038 * wide), dress.trouser_texture)

    def _trunk(self) -> None:
        at, dress, build = self._at, self._figure.dress, self._figure.build
        pelvis, chest = at["pelvis"], at["chest"]
        neck = chest + (at["head"] - chest) * 0.55
        self._limb(chest, neck, (0.026, 0.024), dress.skin)
        down = (pelvis - chest) / max(float(np.hypot(*(pelvis - chest))), 1e-6)
        across = np.array((down[1], -down[0]))
        depth = 0.62 if build.facing == "side" else 1.0
        # Half widths at these shares of the way from chest to pelvis.
        stations = [(-0.14, 0.3), (-0.06, 0.85), (0.0, 1.0), (0.25, 0.88), (0.6, dress.waist)]
        stations += [(1.0 + 0.2 * min(dress.hem, 1.0), 0.9), (1.25, 0.75)]
        if dress.hem > 0.0:
            stations[-1] = (1.0 + dress.hem, 0.8 + dress.flare * dress.hem)
        half = (build.shoulder + 0.02 * build.girth) * depth * self._height_px
        reach = float(np.hypot(*(pelvis - chest)))
        right = [chest + down * reach * row + across * half * width for row, width in stations]
        left = [chest + down * reach * row - across * half * width for row, width in stations[::-1]]
        outline = drawing.rounded(np.array(right + left))
        mapping = drawing.along(
            chest,
            chest + down * reach * (1.0 + max(dress.hem, 0.25)),
            half * 1.5,
            dress.top.size[::-1],
        )
        if dress.hem <= 0.0:
            # The belt line: trousers below, shirt above.
            belt = drawing.rounded(
                np.array([right[4], right[5], right[6], left[0], left[1], left[2]]), 1
            )
            reach_down = chest + down * reach * 1.3
            trousers = dress.trouser_texture
            self._canvas.polygon(
                belt, trousers, drawing.along(chest, reach_down, half * 1.5, trousers.size[::-1])
            )
            outline = drawing.rounded(np.array(right[:6] + left[1:]))
        self._canvas.polygon(outline, dress.top, mapping)

    def _head(self) -> None:
        figure, centre = self._figure, self._at["head"]
        up = centre - self._at["chest"]
        up = up / max(float(np.hypot(*up)), 1e-6)
        across = np.array((-up[1], up[0]))
        wide, high = (radius * self._height_px for radius in figure.head_radii)
        turn = np.linspace(0.0, 2.0 * np.pi, 28, endpoint=False)
        # The chin is narrower than the brow.
        width = wide * (1.0 + 0.12 * np.cos(turn))
        outline = (
            centre + np.outer(np.sin(turn) * width, across) + np.outer(np.cos(turn) * high, up)
        )
        bottom, top = centre - up * high, centre + up * high
        face = figure.dress.face
        mapping = drawing.along(top - up * wide, bottom + up * wide, wide, face.size[::-1])
        mapping = _stretched(mapping, top, up, face.size[1], high)
        self._canvas.polygon(outline, face, mapping)
        if figure.hair_length > 0.0:
            brow = random_brow(figure.build.facing)
            cap = (np.cos(turn) > brow) | (np.abs(np.sin(turn)) > 2.0)
            hairline = outline[cap]
            order = np.argsort(np.where(turn[cap] > np.pi, turn[cap] - 2 * np.pi, turn[cap]))
            swollen = centre + (hairline[order] - centre) * 1.1
            self._canvas.polygon(swollen, figure.dress.hair, mapping)
            self._strands(centre, up, across, wide, high)
        if figure.dress.hat is not None:
            brim = top - up * high * 0.55
            self._limb(
                brim, top + up * high * 0.15, (figure.head_radii[0] * 1.15,) * 2, figure.dress.hat
            )
            reach = across * wide * figure.dress.brim
            self._limb(brim - reach, brim + reach, (0.008, 0.008), figure.dress.hat)

    def _strands(
        self, centre: FloatArray, up: FloatArray, across: FloatArray, wide: float, high: float
    ) -> None:
        figure = self._figure
        base = np.array(figure.dress.hair_colour)
        for angle, reach, bend, shade in figure.strands:
            steps = np.linspace(0.0, 1.0, 5)
            bent = angle + bend * steps + 0.05 * np.sin(self._phase) * steps
            radius = 0.9 + (reach * 1.1 - 0.9) * steps
            points = (
                centre
                + np.outer(np.sin(bent) * radius * wide, across)
                + np.outer(np.cos(bent) * radius * high, up)
            )
            red, green, blue = np.clip(base * shade, 0, 255).astype(int).tolist()
            self._canvas.line(points, (red, green, blue), 1 if self._height_px < 400 else 2)

    def _long_hair(self) -> None:
        figure, centre = self._figure, self._at["head"]
        if figure.hair_length <= 1.0:
            return
        wide, high = (radius * self._height_px for radius in figure.head_radii)
        end = centre + np.array((2.0 * np.sin(self._phase), high * figure.hair_length))
        radii = (figure.head_radii[0] * 1.15, figure.head_radii[0] * 1.25)
        self._limb(centre, end, radii, figure.dress.hair)
        base = np.array(figure.dress.hair_colour)
        for angle, reach, bend, shade in figure.strands:
            x = np.sin(angle) * wide * 1.2
            start = centre + np.array((x, 0.3 * high))
            tip = end + np.array((x * (1 + bend), high * reach))
            middle = 0.5 * (start + tip) + (bend * wide, 0.0)
            red, green, blue = np.clip(base * shade, 0, 255).astype(int).tolist()
            self._canvas.line(np.stack((start, middle, tip)), (red, green, blue))


def random_brow(facing: str) -> float:
    """Cosine, from the crown, of the angle down to which hair covers the head."""
    return {"front": 0.35, "side": 0.1, "back": -0.95}[facing]


def _stretched(
    mapping: FloatArray, top: FloatArray, up: FloatArray, rows: int, high: float
) -> FloatArray:
    """Let the texture's rows run from ``top`` over twice ``high``, whatever ``mapping`` had."""
    row = -up * rows / (2.0 * high)
    return np.stack((mapping[0], np.array((row[0], row[1], -float(row @ top)))))
