"""How a composed clip looks: colour, harmony of its parts, focus, light, noise and codec."""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.training import layers
from pocketmatte.training.motion import FloatArray, random_progress
from pocketmatte.training.sensor import NoiseBank, jpeg_error, random_strength
from pocketmatte.training.video import Video

# Below this share of a pixel a colour cannot be told from its premultiplied value.
_LEAST_SHARE = 1e-5

# No change, as a colour table.
NEUTRAL: FloatArray = np.repeat(np.linspace(0.0, 1.0, 256)[:, None], 3, 1)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What a clip is composed of.

    Attributes:
        foreground: ``(T, 3, H, W)`` straight RGB of all objects together, 0..1.
        alphas: ``(T, K, H, W)``, 0..1, the visible share of each object.
        background: ``(T, 3, H, W)`` RGB of all the rest, 0..1.
    """

    foreground: Tensor
    alphas: Tensor
    background: Tensor

    @property
    def alpha(self) -> Tensor:
        """``(T, 1, H, W)``: the share of all objects together, 0..1."""
        return self.alphas.sum(1, keepdim=True).clamp_(0.0, 1.0)

    def video(self) -> Video:
        """Compose: ``frames = foreground * alpha + background * (1 - alpha)``."""
        alphas = self.alphas / self.alphas.sum(1, keepdim=True).clamp_(min=1.0)
        alpha = self.alpha
        foreground = self.foreground.mul(alpha > 0.0)
        frames = torch.lerp(self.background, foreground, alpha.expand_as(foreground))
        return Video(frames=frames, alphas=alphas, foreground=foreground)


def from_shares(shown: Tensor, alphas: Tensor, rest: Tensor) -> Parts:
    """Parts from what each contributes to the frames.

    Args:
        shown: ``(T, 3, H, W)`` premultiplied colour of all objects together.
        alphas: ``(T, K, H, W)``.
        rest: ``(T, 3, H, W)`` colour of the rest, multiplied by its share.
    """
    alpha = alphas.sum(1, keepdim=True)
    return Parts(
        foreground=(shown / alpha.clamp(min=_LEAST_SHARE)).clamp_(0.0, 1.0),
        alphas=alphas.clamp(0.0, 1.0),
        background=(rest / (1.0 - alpha).clamp_(min=_LEAST_SHARE)).clamp_(0.0, 1.0),
    )


def recoloured(
    random: np.random.Generator,
    pictures: NDArray[np.uint8],
    strength: float,
    common: FloatArray = NEUTRAL,
) -> Tensor:
    """Change brightness, contrast, tint, gamma and, at times, hue and saturation, of all alike.

    Args:
        random: Source of chance.
        pictures: ``(T, H, W, 3)`` RGB.
        strength: 1 is strong, 0 is none.
        common: ``(256, 3)`` colour table to go through afterwards.

    Returns:
        ``(T, 3, H, W)`` in 0..1.
    """
    table = layers.chain_tables(layers.random_colour_table(random, strength), common)
    colour = layers.to_tensor(pictures, table)
    if random.random() < 0.4 * strength:
        turn = 3.1 if random.random() < 0.3 else 0.3
        saturation = random.uniform(max(1.0 - 2.0 * strength, 0.0), 1.0 + 0.8 * strength)
        colour = layers.mixed_channels(colour, layers.hue_matrix(random, turn, saturation))
    return colour


def harmonised(foreground: Tensor, alpha: Tensor, background: Tensor, degree: float) -> Tensor:
    """Move a foreground's colours towards those of its background.

    Mean and standard deviation of each channel, over the whole clip, go the share ``degree`` of
    the way (the transfer of Reinhard et al., 2001, in RGB).

    Args:
        foreground: ``(T, 3, H, W)`` straight RGB, 0..1.
        alpha: ``(T, 1, H, W)``; weighs the foreground's statistics.
        background: ``(T, 3, H, W)``, 0..1.
        degree: 0 leaves the colours as they are, 1 takes the background's statistics.

    Returns:
        ``(T, 3, H, W)`` in 0..1.
    """
    own_mean, own_spread = _statistics(foreground, alpha)
    mean, spread = _statistics(background, torch.ones_like(alpha))
    gain = 1.0 + degree * (spread / own_spread.clamp(min=0.02) - 1.0)
    wanted = own_mean + degree * (mean - own_mean)
    # Thin contrast blown up shows nothing but its own noise.
    return ((foreground - own_mean) * gain.clamp(max=2.0) + wanted).clamp_(0.0, 1.0)


def in_harmony(
    random: np.random.Generator, foreground: Tensor, alpha: Tensor, background: Tensor, share: float
) -> Tensor:
    """Return the foreground, at that share of the draws ``harmonised`` by some degree."""
    if random.random() >= share:
        return foreground
    return harmonised(foreground, alpha, background, random.uniform(0.1, 0.8))


def _statistics(colour: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    total = weight.sum().clamp(min=1.0)
    mean = (colour * weight).sum((0, 2, 3), keepdim=True) / total
    variance = ((colour - mean) ** 2 * weight).sum((0, 2, 3), keepdim=True) / total
    return mean, variance.sqrt()


def blurred(pictures: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of ``(N, C, H, W)``, border pixels repeated."""
    radius = max(int(3.0 * sigma_px), 1)
    offsets = torch.arange(-radius, radius + 1, dtype=pictures.dtype, device=pictures.device)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    flat = pictures.flatten(0, 1)[:, None]
    flat = F.pad(flat, (radius, radius, radius, radius), "replicate")
    flat = F.conv2d(F.conv2d(flat, kernel[None, None, None]), kernel[None, None, :, None])
    return flat.reshape(pictures.shape)


def defocused(parts: Parts, sigma_px: float) -> Parts:
    """The parts of the clip as a camera out of focus sees it, alphas and all."""
    alpha, shares = parts.alpha, parts.alphas.shape[1]
    stack = torch.cat((parts.foreground * alpha, parts.alphas, parts.background * (1.0 - alpha)), 1)
    soft = blurred(stack, sigma_px)
    return from_shares(soft[:, :3], soft[:, 3 : 3 + shares], soft[:, 3 + shares :])


def graded(random: np.random.Generator, parts: Parts, harmony_share: float) -> Parts:
    """What exact alphas allow: at times a foreground in harmony with its background, or defocus.

    Args:
        random: Source of chance.
        parts: With exact alphas; a hard mask has no right softness out of focus.
        harmony_share: How often the foreground's colours follow the background's.
    """
    fitted = in_harmony(random, parts.foreground, parts.alpha, parts.background, harmony_share)
    parts = dataclasses.replace(parts, foreground=fitted)
    if random.random() < 0.08:
        parts = defocused(parts, random.uniform(0.5, 2.0))
    return parts


def light_drift(random: np.random.Generator, length: int, strength: float) -> Tensor:
    """How exposure and white balance change from frame to frame.

    Returns:
        ``(T, 3, 1, 1)`` factors, 1 at the clip's average.
    """
    exposure = random.normal(0.0, 0.2 * strength) * random_progress(random, length)
    tint = random.normal(0.0, 0.08 * strength, 3) * random_progress(random, length)[:, None]
    flicker = random.normal(0.0, 0.01 * strength, (length, 1))
    level = exposure[:, None] + tint + flicker
    gains = np.exp(level - level.mean(0)).astype(np.float32)
    return torch.from_numpy(gains)[..., None, None]


def photographed(random: np.random.Generator, parts: Parts, noise: NoiseBank) -> Video:
    """Compose a clip and add what camera and codec add, to foreground and background alike.

    So the equation of `Video` holds for what the network sees.
    """
    length = len(parts.alphas)
    foreground, background = parts.foreground, parts.background
    if random.random() < 0.4:
        gains = light_drift(random, length, 1.0)
        foreground, background = foreground * gains, background * gains
    error = noise.draw(random, length) * random_strength(random)
    if random.random() < 0.2:
        seen = torch.lerp(background, foreground, parts.alpha.expand_as(foreground)) + error
        error += jpeg_error(seen, int(random.integers(15, 80)))
    return Parts(
        foreground=(foreground + error).clamp_(0.0, 1.0),
        alphas=parts.alphas,
        background=(background + error).clamp_(0.0, 1.0),
    ).video()
