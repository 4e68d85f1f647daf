"""Textured things of any kind: a shape, its border, its surface, and how it deforms."""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from pocketmatte.training import looks, shapes, textures
from pocketmatte.training.drawing import limb_outline
from pocketmatte.training.hair import grow_hair
from pocketmatte.training.motion import (
    KNOTS,
    FloatArray,
    Track,
    random_progress,
    rotation,
    translation,
)
from pocketmatte.training.shapes import Stencil
from pocketmatte.training.textures import Picture
from pocketmatte.training.warps import Bend, random_bend

Float32Array = NDArray[np.float32]

BORDERS = ("hard", "soft", "hair", "thin", "veil", "glass", "smoke")
_SHARES = (0.3, 0.12, 0.27, 0.12, 0.07, 0.06, 0.06)

# Textures are made no larger than this and enlarged; finer detail than that is lost in motion.
_TEXTURE_SIDE_PX = 160

# What is fainter than this does not widen a picture's box.
_FAINT = 2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """A shape before it is painted.

    Attributes:
        alpha: ``(H, W)`` uint8.
        shade: ``(H, W)`` brightness that its relief gives it, about 1.
    """

    alpha: NDArray[np.uint8]
    shade: Float32Array


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A painted part of a thing.

    Attributes:
        pixels: ``(4, h, w)`` premultiplied RGB and alpha, 0..1.
        path: ``(KNOTS, 3, 3)`` from its pixels to the thing's own coordinates, which are pixels
            about the thing's centre.
        bend: How it deforms, if it does.
    """

    pixels: Tensor
    path: Track
    bend: Bend | None = None


def random_thing(
    random: np.random.Generator, photo: Picture, side_px: int, blur_px: float, common: FloatArray
) -> list[Piece]:
    """Draw a thing that moves in itself: it bends, swings its limbs, or is rigid.

    Args:
        random: Source of chance.
        photo: ``(H, W, 3)``; pieces of it may serve as texture.
        side_px: Side of the square that holds it, border and all, before it bends.
        blur_px: Standard deviation of its defocus, 0 if it is in focus.
        common: ``(256, 3)`` colour table of the whole scene.

    Returns:
        Its pieces, the farthest first.
    """
    if random.random() < 0.2:
        return _jointed(random, photo, side_px, blur_px, common)
    border = str(random.choice(BORDERS, p=_SHARES))
    surface = random_surface(random, border, side_px)
    pixels, at = _painted(random, surface, photo, blur_px, common)
    bend = random_bend(random, random.uniform(0.03, 0.28)) if random.random() < 0.7 else None
    return [_fixed(pixels, at - 0.5 * side_px, bend)]


def random_surface(random: np.random.Generator, border: str, side_px: int) -> Surface:
    """Draw a shape with a border of that kind, one of `BORDERS`."""
    if border == "hair":
        return _hairy(random, side_px)
    stencil = Stencil(side_px)
    choice = shapes.THIN if border == "thin" else shapes.SOLID
    choice[str(random.choice(tuple(choice)))](random, stencil)
    solid = stencil.finish()
    if border == "soft":
        solid = solid.filter(ImageFilter.GaussianBlur(side_px * random.uniform(0.006, 0.03)))
    coverage = np.asarray(solid)
    if border in {"veil", "glass", "smoke"}:
        coverage = _let_through(random, solid, border)
    return Surface(alpha=coverage, shade=_relief(random, solid))


def _hairy(random: np.random.Generator, side_px: int) -> Surface:
    """A shape with hair, from short fur to a tuft that is little else."""
    reach = float(np.exp(random.uniform(np.log(0.06), np.log(0.6))))
    scale = 1.0 / (shapes.BODY + 1.1 * reach)
    if random.random() < 0.2:
        core, reach = 0.25 * shapes.blob(random), 0.75
        stencil, shade = Stencil(side_px), Stencil(side_px, 128)
        stencil.fill(core)
        grow_hair(random, stencil, shade, core, reach)
    else:
        stencil, shade = Stencil(side_px, scale=scale), Stencil(side_px, 128, scale)
        name = str(random.choice(("blob", "polygon", "star", "limbs", "ring")))
        grow_hair(random, stencil, shade, shapes.SOLID[name](random, stencil), reach)
    solid = stencil.finish()
    strands = np.asarray(shade.finish(), np.float32) / 128.0
    return Surface(alpha=np.asarray(solid), shade=_relief(random, solid) * strands)


def _let_through(random: np.random.Generator, solid: Image.Image, border: str) -> NDArray[np.uint8]:
    """The alpha of cloth, glass or smoke of that shape."""
    cover = np.asarray(solid, np.float32)
    size_hw = cover.shape[0], cover.shape[1]
    if border == "smoke":
        soft = solid.filter(ImageFilter.GaussianBlur(solid.width * random.uniform(0.03, 0.08)))
        puffs = textures.fractal_noise(random, size_hw, int(random.integers(3, 7)))
        dense = np.clip(1.5 + random.uniform(2.0, 5.0) * (puffs - 0.55), 0.15, 1.0)
        return np.asarray(np.asarray(soft, np.float32) * dense * 0.9, np.uint8)
    if border == "veil":
        folds = textures.smooth_noise(random, size_hw, (2, int(random.integers(4, 14))))
        through = random.uniform(0.2, 0.6) + random.uniform(0.1, 0.3) * folds
    else:
        near = solid.filter(ImageFilter.GaussianBlur(solid.width * random.uniform(0.015, 0.05)))
        rim = 1.0 - np.clip(2.0 * np.asarray(near, np.float32) / 255.0 - 1.0, 0.0, 1.0)
        gleam = textures.smooth_noise(random, size_hw, (3, 3)) > random.uniform(0.72, 0.95)
        through = np.maximum(random.uniform(0.2, 0.4) + 0.6 * rim, 0.8 * gleam)
    return np.asarray(cover * np.clip(through, 0.2, 0.9), np.uint8)


def _relief(random: np.random.Generator, solid: Image.Image) -> Float32Array:
    """Light from one side on a shape that is thicker in its middle."""
    small = solid.resize((48, 48), Image.Resampling.BILINEAR)
    height = np.asarray(small.filter(ImageFilter.GaussianBlur(random.uniform(1.5, 6.0))))
    down, right = np.gradient(height.astype(np.float32) / 255.0)
    angle = random.uniform(0.0, 2.0 * np.pi)
    slope = np.cos(angle) * right + np.sin(angle) * down
    light = np.clip(1.0 + random.uniform(0.0, 9.0) * slope, 0.35, 1.6).astype(np.float32)
    return np.asarray(Image.fromarray(light).resize(solid.size, Image.Resampling.BILINEAR))


def _texture(random: np.random.Generator, photo: Picture, size_hw: tuple[int, int]) -> Picture:
    """Part of a photograph, cloth, or a made-up scene."""
    small_hw = min(size_hw[0], _TEXTURE_SIDE_PX), min(size_hw[1], _TEXTURE_SIDE_PX)
    small_hw = max(small_hw[0], 32), max(small_hw[1], 32)
    chance = random.random()
    if chance < 0.5:
        return textures.crop(random, photo, size_hw)
    if chance < 0.85:
        small = np.clip(textures.cloth(random, small_hw, photo), 0.0, 255.0).astype(np.uint8)
    else:
        small = textures.scene(random, small_hw)
    image = Image.fromarray(small).resize(size_hw[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image)


def _painted(
    random: np.random.Generator,
    surface: Surface,
    photo: Picture,
    blur_px: float,
    common: FloatArray,
) -> tuple[Tensor, FloatArray]:
    """Give a surface its colours.

    Returns:
        ``(4, h, w)`` premultiplied, cut to what is visible, and the x and y of its corner.
    """
    alpha = Image.fromarray(surface.alpha)
    if blur_px:
        alpha = alpha.filter(ImageFilter.GaussianBlur(blur_px))
    left, top, right, bottom = alpha.point(lambda level: 255 * (level > _FAINT)).getbbox() or (
        0,
        0,
        4,
        4,
    )
    # An empty border of one pixel, so that sampling fades to nothing at the edge.
    left, top = max(left - 1, 0), max(top - 1, 0)
    area = slice(top, bottom + 1), slice(left, right + 1)
    cover = np.asarray(alpha)[area]
    texture = _texture(random, photo, (cover.shape[0], cover.shape[1])).astype(np.float32)
    lit = np.clip(texture * surface.shade[area][..., None], 0.0, 255.0).astype(np.uint8)
    if blur_px:
        lit = np.asarray(Image.fromarray(lit).filter(ImageFilter.GaussianBlur(blur_px)))
    colour = looks.recoloured(random, lit[None], 0.5, common)[0]
    share = torch.from_numpy(cover.astype(np.float32) / 255.0)
    return torch.cat((colour * share, share[None])), np.array((left, top), np.float64)


def _fixed(pixels: Tensor, at: FloatArray, bend: Bend | None) -> Piece:
    """A piece whose corner stays at a point."""
    path = np.broadcast_to(translation(float(at[0]), float(at[1])), (KNOTS, 3, 3))
    return Piece(pixels=pixels, path=Track(knots=path), bend=bend)


def _jointed(
    random: np.random.Generator, photo: Picture, side_px: int, blur_px: float, common: FloatArray
) -> list[Piece]:
    """A body with limbs of one or two parts that swing about their joints."""
    body_px = max(int(0.6 * side_px), 16)
    border = str(random.choice(("hard", "soft", "hair"), p=(0.5, 0.15, 0.35)))
    surface = random_surface(random, border, body_px)
    pixels, at = _painted(random, surface, photo, blur_px, common)
    bend = random_bend(random, random.uniform(0.0, 0.12))
    body = _fixed(pixels, at - 0.5 * body_px, bend)
    behind: list[Piece] = []
    before: list[Piece] = []
    for _ in range(int(random.integers(2, 6))):
        turn = random.uniform(0.0, 2.0 * np.pi)
        root = 0.22 * body_px * np.array((np.cos(turn), np.sin(turn)))
        base = np.broadcast_to(translation(*root), (KNOTS, 3, 3))
        length_px = side_px * random.uniform(0.12, 0.24)
        radius_px = side_px * random.uniform(0.015, 0.06)
        side = behind if random.random() < 0.7 else before
        for _ in range(int(random.integers(1, 3))):
            base = base @ _swing(random, turn)
            side.append(_limb(random, photo, (length_px, radius_px), base, blur_px, common))
            base = base @ translation(length_px, 0.0)
            turn, radius_px = random.normal(0.0, 0.4), 0.75 * radius_px
    return [*behind, body, *before]


def _swing(random: np.random.Generator, angle: float) -> FloatArray:
    """Turns about a joint, ``(KNOTS, 3, 3)``: to and fro, or from one pose to another."""
    extent = random.normal(0.0, 0.6)
    if random.random() < 0.4:
        track = extent * random_progress(random, KNOTS)
    else:
        beats = random.uniform(0.3, 2.5) * np.linspace(0.0, 1.0, KNOTS) + random.random()
        track = extent * np.sin(2.0 * np.pi * beats)
    return np.stack([rotation(angle + float(step)) for step in track])


def _limb(
    random: np.random.Generator,
    photo: Picture,
    size_px: tuple[float, float],
    base: FloatArray,
    blur_px: float,
    common: FloatArray,
) -> Piece:
    length, radius = size_px
    half = 0.5 * length + radius
    # Room for the blur beside the limb.
    side = int(2.0 * half + 6.0 * blur_px + 4.0)
    ends = np.array(((-0.5 * length, 0.0), (0.5 * length, 0.0))) * 2.0 / side
    stencil = Stencil(side)
    tip = radius * random.uniform(0.6, 1.0)
    stencil.fill(limb_outline(ends[0], ends[1], (2.0 * radius / side, 2.0 * tip / side)))
    solid = stencil.finish()
    surface = Surface(alpha=np.asarray(solid), shade=_relief(random, solid))
    pixels, at = _painted(random, surface, photo, blur_px, common)
    corner = translation(at[0] + 0.5 * (length - side), at[1] - 0.5 * side)
    return Piece(pixels=pixels, path=Track(knots=base @ corner))
