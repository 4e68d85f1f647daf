"""Clips with true mattes of every object, as sources of training data give them."""

import dataclasses
from typing import Protocol

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """A clip; ``frames = foreground * total + background * (1 - total)``.

    ``total`` is the sum of the objects' alphas, at most 1.

    Attributes:
        frames: ``(T, 3, H, W)`` RGB, 0..1.
        alphas: ``(T, K, H, W)``, 0..1: the share of each pixel that shows object k, what others
            hide of it left out. An object that is nowhere is 0 throughout.
        foreground: ``(T, 3, H, W)`` straight RGB of all objects together, 0..1; black where no
            object is.
        confidence: ``(T, 1, H, W)``, 0..1: how far the alphas are to be believed, where networks
            made them; ``None`` where nothing is in doubt. See ``confidence_of``.
    """

    frames: Tensor
    alphas: Tensor
    foreground: Tensor
    confidence: Tensor | None = None

    @property
    def alpha(self) -> Tensor:
        """The matte of all objects together: ``(T, 1, H, W)``, 0..1."""
        return self.alphas.sum(1, keepdim=True).clamp(0, 1)

    @property
    def masks(self) -> Tensor:
        """``(T, K, H, W)``: 1 where an object shows more than anything else, else 0."""
        rest = 1 - self.alphas.sum(1, keepdim=True)
        winner = torch.cat((rest, self.alphas), 1).argmax(1, keepdim=True)
        number = torch.arange(1, self.alphas.shape[1] + 1, device=winner.device)
        return (winner == number.view(1, -1, 1, 1)).to(self.alphas.dtype)


def confidence_of(video: Video) -> Tensor:
    """Return how far a video's alphas are to be believed: ``(T, 1, H, W)``, 1 without doubt.

    A task that heeds it puts it into its samples as ``confidence``, multiplies the weights of its
    pixels' losses by it, as of ``mask_losses.bootstrapped_bce``, and draws predictions to the truth
    by what it lacks, ``torch.lerp(true, predicted, confidence)``, before losses that have none. So
    a doubtful pixel teaches little, and a doubtful picture less than a sure one.
    """
    if video.confidence is not None:
        return video.confidence
    return torch.ones_like(video.alphas[:, :1])


class VideoSource(Protocol):
    """Videos by number; the same number gives the same video."""

    def video(self, index: int) -> Video:
        """Return one video; every one of a source has the same ``T``, ``K``, ``H`` and ``W``."""
