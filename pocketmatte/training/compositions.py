"""Training clips composed on the fly: moving foregrounds over moving backgrounds."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pocketmatte.training import figures, layers, looks, placement, textures
from pocketmatte.training.layers import Layer
from pocketmatte.training.library import CutoutItem, load_library
from pocketmatte.training.motion import FloatArray, random_path
from pocketmatte.training.sensor import NoiseBank, jpeg_error, random_strength

# Shares of what the main foreground is, for a library that has all of it.
_SHARES = {"none": 0.04, "figure": 0.34, "full": 0.26, "half": 0.28, "thing": 0.08}
_SECOND_FOREGROUND_SHARE = 0.12
_DISTRACTOR_SHARE = 0.4
_HARMONY_SHARE = 0.4  # how often a foreground's colours follow its background's


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Composition:
    """One training clip; ``frames = foreground * alpha + background * (1 - alpha)``.

    Noise and codec artefacts are added to foreground and background alike, so the equation holds
    for what the network sees.

    Attributes:
        frames: ``(T, 3, H, W)`` RGB, 0..1.
        alpha: ``(T, 1, H, W)``, 0..1.
        foreground: ``(T, 3, H, W)`` straight RGB, 0..1; black where alpha is 0.
    """

    frames: Tensor
    alpha: Tensor
    foreground: Tensor


class ClipComposer:
    """Composes clips; the same seed and index give the same clip.

    Args:
        cache_dir: Folder written by ``pocketmatte.training.prepare``, or None to use only
            self-made figures, procedural backgrounds, and pictures of scikit-image.
        frame_hw: Size of the frames in pixels.
        clip_length: Frames of a clip.
        seed: Of everything random.
    """

    def __init__(
        self, cache_dir: Path | None, *, frame_hw: tuple[int, int], clip_length: int, seed: int
    ) -> None:
        if min(frame_hw) < 16 or clip_length < 1:
            msg = f"frames of {frame_hw} and {clip_length} a clip; at least 16 x 16 and 1 needed"
            raise ValueError(msg)
        self._library = load_library(cache_dir)
        self._frame_hw, self._clip_length, self._seed = frame_hw, clip_length, seed
        self._noise = NoiseBank(frame_hw, seed)
        present = {"none", "figure", *self._library.cutouts}
        shares = {kind: share for kind, share in _SHARES.items() if kind in present}
        self._kinds = tuple(shares)
        self._odds = np.array(list(shares.values())) / sum(shares.values())

    def clip(self, index: int) -> Composition:
        """Compose the clip of that number."""
        random = np.random.default_rng((self._seed, index))
        common = layers.random_colour_table(random, 0.5)
        background = self._background(random, common)
        if random.random() < _DISTRACTOR_SHARE:
            for _ in range(int(random.integers(1, 4))):
                background = _over(self._distractor(random, common), background)
        kind = str(random.choice(self._kinds, p=self._odds))
        chosen = [] if kind == "none" else [kind]
        if chosen and random.random() < _SECOND_FOREGROUND_SHARE:
            chosen.append(str(random.choice(self._kinds[1:])))
        placed = [self._foreground(random, name, common) for name in chosen]
        foreground, alpha = self._merge([layer for layer in placed if layer is not None])
        if random.random() < 0.3:
            background = _shadowed(random, background, alpha)
        foreground = looks.in_harmony(random, foreground, alpha, background, _HARMONY_SHARE)
        return self._photographed(random, foreground, alpha, background)

    def _background(self, random: np.random.Generator, common: FloatArray) -> Tensor:
        height, width = self._frame_hw
        if random.random() < 0.25:
            size_hw = int(height * 1.25), int(width * 1.25)
            picture = textures.scene(random, size_hw)[None]
        else:
            picture = self._library.background(random)
            picture = picture[_frame_numbers(random, len(picture), self._clip_length)]
        if random.random() < 0.5:
            picture = picture[:, :, ::-1]
        table = layers.chain_tables(layers.random_colour_table(random, 0.8), common)
        colour = layers.to_tensor(picture, table)
        if random.random() < 0.3:
            matrix = layers.hue_matrix(random, 0.6, float(random.choice((0.0, 0.5, 1.2))))
            colour = layers.mixed_channels(colour, matrix)
        limits = placement.random_limits(random, self._frame_hw, still_share=0.45, strength=1.0)
        matrices = placement.cover(
            random, picture.shape[1:3], self._frame_hw, self._clip_length, limits
        )
        softness = random.uniform(1.5, 6.0) if random.random() < 0.25 else 0.0
        return layers.full_frame(colour, matrices, self._frame_hw, softness)

    def _photo(self, random: np.random.Generator) -> NDArray[np.uint8]:
        return np.asarray(self._library.background(random)[0])

    def _distractor(self, random: np.random.Generator, common: FloatArray) -> Layer | None:
        """A thing that belongs to the background, although it looks pasted and may move."""
        pixels = placement.blob(random, self._photo(random))
        table = layers.chain_tables(layers.random_colour_table(random, 0.8), common)
        height = self._frame_hw[0]
        matrices = placement.anywhere(
            random,
            pixels.shape[:2],
            self._frame_hw,
            height * random.uniform(0.08, 0.8),
            random_path(
                random,
                self._clip_length,
                (self._frame_hw[1] / 2, height / 2),
                placement.random_limits(random, self._frame_hw, still_share=0.5, strength=1.0),
            ),
        )
        softness = random.uniform(1.0, 4.0) if random.random() < 0.3 else 0.0
        alpha = torch.from_numpy(pixels[None, None, ..., 3].astype(np.float32) / 255.0)
        return layers.place(
            layers.to_tensor(pixels[None], table), alpha, matrices, self._frame_hw, softness
        )

    def _foreground(
        self, random: np.random.Generator, kind: str, common: FloatArray
    ) -> Layer | None:
        height = self._frame_hw[0]
        limits = placement.random_limits(random, self._frame_hw, still_share=0.25, strength=1.0)
        if kind == "figure":
            wanted_px = placement.figure_height_px(random, height)
            figure = figures.random_figure(random, self._photo(random))
            pixels = figures.render(figure, random, self._clip_length, min(wanted_px, 1.5 * height))
            item = CutoutItem(name="figure", kind="full", pixels=pixels, cut=frozenset())
            item = placement.cropped(item)
        else:
            item = self._library.cutout(random, kind)
        if random.random() < 0.5:
            item = placement.mirrored(item)
        numbers = _frame_numbers(random, len(item.pixels), self._clip_length)
        if kind == "figure":
            numbers = np.arange(self._clip_length)
        pixels = np.asarray(item.pixels[numbers])
        matrices = placement.stand(random, item, self._frame_hw, self._clip_length, limits)
        colour = self._recoloured(random, pixels, common)
        alpha = torch.from_numpy(pixels[:, None, ..., 3].astype(np.float32) / 255.0)
        softness = random.uniform(1.0, 3.0) if random.random() < 0.3 else 0.0
        return layers.place(colour, alpha, matrices, self._frame_hw, softness)

    def _recoloured(
        self, random: np.random.Generator, pixels: NDArray[np.uint8], common: FloatArray
    ) -> Tensor:
        """Change the colours of a cutout, sometimes of its upper and lower part apart."""
        own = layers.chain_tables(layers.random_colour_table(random, 0.8), common)
        colour = layers.to_tensor(pixels, own)
        if random.random() < 0.4:
            turn = 3.1 if random.random() < 0.4 else 0.3
            changed = layers.mixed_channels(
                colour, layers.hue_matrix(random, turn, random.uniform(0.0, 1.8))
            )
            height = pixels.shape[1]
            rows = torch.arange(height, dtype=torch.float32)[:, None] / height
            border, sign = random.uniform(0.2, 0.7), float(random.choice((-1.0, 1.0)))
            weight = torch.sigmoid(sign * (rows - border) * 40.0)
            colour = colour + weight * (changed - colour)
        return colour

    def _merge(self, placed: list[Layer]) -> tuple[Tensor, Tensor]:
        """Lay foregrounds over each other, the first one nearest."""
        premultiplied = torch.zeros(self._clip_length, 3, *self._frame_hw)
        alpha = torch.zeros(self._clip_length, 1, *self._frame_hw)
        for layer in reversed(placed):
            top, left, bottom, right = layer.box
            hidden = 1.0 - layer.alpha
            area = premultiplied[..., top:bottom, left:right]
            area.mul_(hidden).add_(layer.colour * layer.alpha)
            alpha[..., top:bottom, left:right].mul_(hidden).add_(layer.alpha)
        return premultiplied.div_(alpha.clamp(min=1e-3)).clamp_(0.0, 1.0), alpha.clamp_(0.0, 1.0)

    def _photographed(
        self, random: np.random.Generator, foreground: Tensor, alpha: Tensor, background: Tensor
    ) -> Composition:
        """Compose, and add what camera and codec add."""
        error = self._noise.draw(random, self._clip_length) * random_strength(random)
        if random.random() < 0.15:
            seen = background + alpha * (foreground - background) + error
            error = error + jpeg_error(seen, int(random.integers(15, 80)))
        foreground.add_(error).mul_(alpha > 0.0).clamp_(0.0, 1.0)
        background = (background + error).clamp_(0.0, 1.0)
        frames = torch.lerp(background, foreground, alpha.expand_as(foreground))
        return Composition(frames=frames, alpha=alpha, foreground=foreground)


def _frame_numbers(random: np.random.Generator, available: int, length: int) -> NDArray[np.intp]:
    """Which frames of a sequence to show: forwards or backwards, to and fro if it is short."""
    if available == 1:
        return np.zeros(1, np.intp)
    stride = int(random.integers(1, 3))
    numbers = int(random.integers(available)) + stride * np.arange(length)
    if random.random() < 0.5:
        numbers = -numbers
    period = 2 * available - 2
    folded = numbers % period
    return np.where(folded < available, folded, period - folded)


def _over(layer: Layer | None, picture: Tensor) -> Tensor:
    if layer is None:
        return picture
    top, left, bottom, right = layer.box
    picture = picture.contiguous() if picture.stride(0) else picture.clone()
    area = picture[..., top:bottom, left:right]
    area.add_(layer.alpha * (layer.colour - area))
    return picture


def _shadowed(random: np.random.Generator, background: Tensor, alpha: Tensor) -> Tensor:
    """Darken the background beside the foreground, as a soft shadow does."""
    coarse = torch.nn.functional.avg_pool2d(alpha, 8, ceil_mode=True)
    coarse = torch.nn.functional.avg_pool2d(coarse, 3, 1, 1)
    shift = tuple(int(step) for step in random.integers(-3, 4, 2))
    coarse = torch.roll(coarse, shift, (-2, -1))
    size = list(background.shape[-2:])
    shadow = torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return background * (1.0 - random.uniform(0.1, 0.6) * shadow)
