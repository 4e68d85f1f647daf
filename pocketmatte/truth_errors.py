"""How much worse a matte fits the truth than PyTorch's matte of the same frames does."""

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray

_ROUNDING = 1e-4  # of a dtSSD that is next to nothing: what divides by it is no share


class TruthErrors:
    """Running errors of two mattes of one clip beside its true matte.

    The errors are MAD, the mean absolute difference, and dtSSD, ``sqrt(mean (d pred - d true)^2)``
    of the change from the frame before (Erofeev et al., "Perceptually Motivated Benchmark for Video
    Matting", BMVC 2015), both unscaled.
    """

    def __init__(self) -> None:
        self._mad = np.zeros(2)
        self._dtssd = np.zeros(2)
        self._frames = 0
        self._before: FloatArray | None = None

    def add(self, reference: FloatArray, candidate: FloatArray, truth: FloatArray) -> None:
        """Take a frame; several objects count as one.

        Args:
            reference: Alphas of PyTorch, ``(K, 1, H, W)`` or any shape of as many values.
            candidate: Alphas of what is judged, of the same shape.
            truth: True matte of all objects together, ``(1, 1, H, W)``.
        """
        errors = np.stack(
            [
                each.reshape(-1, truth.size).sum(0).clip(0, 1) - truth.reshape(-1)
                for each in (reference, candidate)
            ]
        )
        self._mad += np.abs(errors).mean(1)
        if self._before is not None:
            self._dtssd += np.sqrt(np.square(errors - self._before).mean(1))
        self._before = errors
        self._frames += 1

    @property
    def rise(self) -> float:
        """By how much the candidate's MAD is above the reference's; below 0 where it is better."""
        before, after = self._mad / max(self._frames, 1)
        return float(after - before)

    @property
    def flicker(self) -> float:
        """By what share the candidate's dtSSD is above the reference's."""
        before, after = self._dtssd / max(self._frames - 1, 1)
        return float(after / before - 1) if before > _ROUNDING else 0.0
