"""What a figure wears: textures of skin, face, hair and clothes, with light baked in."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pocketmatte.training.textures import Picture, cloth, random_colour, smooth_noise

FloatArray = NDArray[np.float32]

# Skin tones from light to dark, RGB; drawn tones lie between two neighbours.
_SKIN_TONES = np.array(
    (
        (250, 220, 200),
        (235, 190, 160),
        (205, 150, 115),
        (160, 105, 75),
        (110, 70, 50),
        (65, 40, 30),
    ),
    np.float32,
)
_HAIR_COLOURS = np.array(
    ((18, 14, 12), (45, 30, 22), (90, 60, 38), (150, 105, 60), (215, 180, 120), (150, 60, 30)),
    np.float32,
)
_LIMB_HW, _TRUNK_HW, _HEAD_HW = (96, 40), (128, 96), (96, 72)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Dress:
    """Textures, and lengths of garments as shares.

    Attributes:
        skin, face, hair, top, shoe, sleeve_texture, trouser_texture: RGB textures.
        hair_colour: Mean colour of the hair, 0..255.
        hat: Texture of a hat, or none.
        brim: Half width of the hat's brim in half head widths.
        sleeve: 0 none, 1 to the elbow, 2 to the wrist.
        trouser: 0 none, 1 to the knee, 2 to the ankle.
        sleeve_width: Factor on the width of a sleeve.
        trouser_width: Factor on the width of a trouser leg.
        waist: Width at the waist in shoulder widths.
        hem: Reach of skirt or coat below the pelvis in trunk lengths; 0 for a shirt in trousers.
        flare: How much wider the hem is than the hips.
        held: Texture of a thing in one hand, or none.
        held_side: The hand, 0 left in the picture.
        held_reach: ``(2,)`` from the hand to the thing's far end, in body heights.
        held_radii: The thing's half width at both ends, in body heights.
    """

    skin: Image.Image
    face: Image.Image
    hair: Image.Image
    top: Image.Image
    shoe: Image.Image
    sleeve_texture: Image.Image
    trouser_texture: Image.Image
    hair_colour: tuple[float, float, float]
    hat: Image.Image | None
    brim: float
    sleeve: float
    trouser: float
    sleeve_width: float
    trouser_width: float
    waist: float
    hem: float
    flare: float
    held: Image.Image | None
    held_side: int
    held_reach: NDArray[np.float64]
    held_radii: tuple[float, float]


def _lit(picture: FloatArray, light: FloatArray) -> Image.Image:
    """Shade a texture like a cylinder; ``light`` is its side, depth and fall-off downwards."""
    height, width = picture.shape[:2]
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    shade = 1.0 + light[0] * across - light[1] * across**2 - light[2] * down
    return Image.fromarray(np.clip(picture * shade[..., None], 0.0, 255.0).astype(np.uint8))


def _mixed(random: np.random.Generator, palette: FloatArray) -> FloatArray:
    index = int(random.integers(len(palette) - 1))
    mixed = palette[index] + random.random() * (palette[index + 1] - palette[index])
    return np.asarray(mixed * random.uniform(0.85, 1.1), np.float32)


def _plain(random: np.random.Generator, colour: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    grain = smooth_noise(random, size_hw, (12, 5))[..., None]
    return np.asarray(colour * (0.9 + 0.2 * grain), np.float32)


def _face(random: np.random.Generator, skin: FloatArray, hair: FloatArray) -> FloatArray:
    """A face seen from the front: brows, eyes, nose, mouth, perhaps beard and glasses."""
    height, width = _HEAD_HW
    picture = _plain(random, skin, _HEAD_HW)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    dark = tuple((skin * 0.55).astype(int).tolist())
    lock = tuple(hair.astype(int).tolist())
    middle = width / 2 + random.uniform(-8, 8)
    eye_y, gap = height * random.uniform(0.45, 0.52), width * random.uniform(0.17, 0.23)
    if random.random() < 0.25:
        draw.ellipse((middle - 27, height * 0.62, middle + 27, height * 1.1), fill=lock)
    for x in (middle - gap, middle + gap):
        draw.ellipse((x - 6, eye_y - 3, x + 6, eye_y + 3), fill=(235, 230, 225))
        draw.ellipse((x - 3, eye_y - 3, x + 3, eye_y + 3), fill=(30, 25, 20))
        draw.line((x - 8, eye_y - 8, x + 8, eye_y - 8), fill=lock, width=3)
        if random.random() < 0.2:
            draw.ellipse((x - 10, eye_y - 8, x + 10, eye_y + 9), outline=(15, 15, 15), width=2)
    draw.line(
        (middle, eye_y + 4, middle + 3, height * 0.66, middle - 2, height * 0.67),
        fill=dark,
        width=2,
    )
    lips = (int(min(skin[0], 200)), int(skin[1] * 0.6), int(skin[2] * 0.6))
    draw.ellipse((middle - 10, height * 0.76, middle + 10, height * 0.81), fill=lips)
    return np.asarray(image, np.float32)


def random_dress(random: np.random.Generator, *, facing: str, photo: Picture | None) -> Dress:
    """Draw clothes, skin and hair for a figure seen from ``facing``."""
    skin, hair = _mixed(random, _SKIN_TONES), _mixed(random, _HAIR_COLOURS)
    light = np.array(
        (random.uniform(-0.35, 0.35), random.uniform(0.05, 0.5), random.uniform(-0.2, 0.4)),
        np.float32,
    )
    top = cloth(random, _TRUNK_HW, photo)
    trousers = cloth(random, _LIMB_HW, photo)
    if random.random() < 0.35:
        # Jeans and dark cloth are what most trousers are made of.
        denim = random.choice(np.array(((60, 80, 120), (30, 32, 40), (90, 85, 75)), np.float32))
        trousers = _plain(random, denim, _LIMB_HW) * random.uniform(0.6, 1.4)
    sleeves = (
        top[: _LIMB_HW[0], : _LIMB_HW[1]] if random.random() < 0.8 else cloth(random, _LIMB_HW)
    )
    hem = random.choice(
        (0.0, random.uniform(0.1, 0.3), random.uniform(0.3, 1.4)), p=(0.5, 0.3, 0.2)
    )
    head = _face(random, skin, hair) if facing == "front" else _plain(random, skin, _HEAD_HW)
    streaks = smooth_noise(random, _HEAD_HW, (3, 30))[..., None]
    hair_picture = np.asarray(hair * (0.6 + 0.8 * streaks), np.float32)
    held = random.random() < 0.12
    radius = random.uniform(0.006, 0.07)
    return Dress(
        skin=_lit(_plain(random, skin, _LIMB_HW), light),
        face=_lit(head, light),
        hair=_lit(hair_picture, light),
        top=_lit(top, light),
        shoe=_lit(
            _plain(random, random_colour(random) * random.uniform(0.2, 1.0), _LIMB_HW), light
        ),
        sleeve_texture=_lit(sleeves, light),
        trouser_texture=_lit(trousers, light),
        hair_colour=(float(hair[0]), float(hair[1]), float(hair[2])),
        hat=_lit(cloth(random, _LIMB_HW), light) if random.random() < 0.12 else None,
        brim=random.uniform(1.0, 2.2),
        sleeve=random.choice((0.0, random.uniform(0.4, 0.8), random.uniform(1.2, 2.0))),
        trouser=random.choice((0.0, random.uniform(0.4, 1.0), 1.95), p=(0.1, 0.2, 0.7)),
        sleeve_width=random.uniform(1.0, 1.5),
        trouser_width=random.uniform(1.0, 1.4),
        waist=random.uniform(0.65, 0.95),
        hem=hem,
        flare=random.uniform(0.0, 0.6),
        held=_lit(cloth(random, _LIMB_HW), light) if held else None,
        held_side=int(random.integers(2)),
        held_reach=random.uniform(-0.25, 0.25, 2),
        held_radii=(radius, radius * random.uniform(0.3, 1.0)),
    )
