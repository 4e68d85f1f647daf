"""The running figures of one file beside PyTorch, and the judgement at the end."""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from pocketmatte.lockstep import Call
from pocketmatte.matting.board import Tensors
from pocketmatte.parity_figures import Parity
from pocketmatte.runtimes.protocol import FloatArray, Session, Watched
from pocketmatte.segmentation_metrics import flipped_share
from pocketmatte.signal_errors import drift_ratio, psnr_db_of
from pocketmatte.tolerances import (
    ALPHA_RANGE,
    ENGINE_LARGEST,
    FEATURE_RANGE,
    HALF_LARGEST,
    Limits,
    is_matte,
)
from pocketmatte.truth_errors import TruthErrors
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import BundleError


class Tally:
    """Running figures of one file: a few numbers an output, one number a call.

    Args:
        contract: Of the program.
        session: The file.
    """

    def __init__(self, contract: ProgramContract, session: Session) -> None:
        self._session = session
        self._tensors = contract.outputs
        self._judged = contract.judged
        self._seen = {t.name for t in contract.outputs if t.picture or t.name == contract.judged}
        self._pictures = {tensor.name for tensor in contract.outputs if tensor.picture}
        judged = contract.judged or ""
        self._matte = judged if is_matte(judged) else ""
        # what a foreground is where its matte is 0 nobody sees, and no training has said
        self._shown = self._pictures - {self._matte} if self._matte else frozenset()
        self._names = names = [tensor.name for tensor in contract.outputs]
        self._max_abs = dict.fromkeys(names, 0.0)
        self._free_max_abs = dict.fromkeys(names, 0.0)
        self._squares = dict.fromkeys(names, 0.0)
        self._lowest = dict.fromkeys(names, math.inf)
        self._highest = dict.fromkeys(names, -math.inf)
        self._errors: list[float] = []
        self._absolute = self._flips = 0.0
        self._beside_truth: TruthErrors | None = None
        self._least: FloatArray = np.full((1, 1), np.inf, dtype=np.float32)
        self._most: FloatArray = np.full((1, 1), -np.inf, dtype=np.float32)
        self._calls = 0
        self.stopped: str | None = None

    def run(self, inputs: Mapping[str, FloatArray]) -> Tensors | None:
        """Run the file in its own rollout; ``None`` from its first failure on."""
        if self.stopped is not None:
            return None
        self._calls += 1
        return self._guarded(inputs, "")

    def take(
        self, expected: Call, given: Call, *, step: bool, truth: FloatArray | None = None
    ) -> None:
        """Take one call of either side.

        Args:
            expected: Of the reference.
            given: Of the candidate, in its own rollout.
            step: Whether to run the file on the reference's inputs as well.
            truth: The true mask of the frame, ``(1, 1, H, W)``, if it is known.
        """
        for tensor in self._tensors:
            name, reference = tensor.name, expected.outputs[tensor.name]
            difference = (given.outputs[name] - reference) / _scale(tensor, reference)
            shown = difference
            if name in self._shown:
                shown = difference * expected.outputs[self._matte]
            squares = float(np.square(shown, dtype=np.float64).sum())
            self._squares[name] += squares
            self._free_max_abs[name] = max(self._free_max_abs[name], _largest(difference))
            self._lowest[name] = min(self._lowest[name], float(reference.min()))
            self._highest[name] = max(self._highest[name], float(reference.max()))
            if name == self._judged:
                # of each object and class by itself: two constants are not one picture
                maps = reference.reshape(*reference.shape[:2], -1)
                between = (maps > 0) & (maps < 1)
                least = maps.min(axis=2, where=between, initial=np.inf)
                most = maps.max(axis=2, where=between, initial=-np.inf)
                self._least = np.minimum(self._least, least)
                self._most = np.maximum(self._most, most)
                self._errors.append(math.sqrt(squares / math.prod(tensor.shape)))
                self._absolute += float(np.abs(difference).mean())
                self._flips += flipped_share(given.outputs[name], reference)
                if truth is not None and name == self._matte:
                    self._beside_truth = self._beside_truth or TruthErrors()
                    self._beside_truth.add(reference, given.outputs[name], truth)
        if step and (outputs := self._guarded(expected.inputs, " from PyTorch's inputs")):
            for tensor in self._tensors:
                name, reference = tensor.name, expected.outputs[tensor.name]
                difference = (outputs[name] - reference) / _scale(tensor, reference)
                self._max_abs[name] = max(self._max_abs[name], _largest(difference))

    def parity(self, recipe: str, held_to: Limits, *, recurrent: bool) -> Parity:
        """Judge what was taken.

        Args:
            recipe: Name of the recipe.
            held_to: Its limits.
            recurrent: Whether the network carries state, so that errors may grow.
        """
        if self.stopped is not None:
            return Parity(
                recipe=recipe,
                frames=self._calls,
                max_abs={},
                free_max_abs={},
                psnr_db={},
                judged=self._judged,
                drift=None,
                reference_range={},
                failures=(self.stopped, *self._overflown()),
            )
        psnr_db = {
            tensor.name: psnr_db_of(
                self._squares[tensor.name] / (math.prod(tensor.shape) * self._calls)
            )
            for tensor in self._tensors
        }
        drift = drift_ratio(self._errors, held_to.drift_floor) if recurrent else None
        spans = {name: (self._lowest[name], self._highest[name]) for name in self._names}
        failures = [
            *self._constant(),
            *self._passed_limits(psnr_db, held_to),
            *self._strayed(held_to),
            *self._drifted(drift, held_to),
            *self._overflown(),
        ]
        return Parity(
            recipe=recipe,
            frames=self._calls,
            max_abs=dict(self._max_abs),
            free_max_abs=dict(self._free_max_abs),
            psnr_db=psnr_db,
            judged=self._judged,
            drift=drift,
            reference_range=spans,
            failures=tuple(failures),
            notes=tuple(self._near_the_end()),
            mad=None if self._judged is None else self._absolute / self._calls,
            flipped=None if self._judged is None else self._flips / self._calls,
            rise=None if self._beside_truth is None else self._beside_truth.rise,
            flicker=None if self._beside_truth is None else self._beside_truth.flicker,
            frame_rms=None if self._judged is None else tuple(map(_short, self._errors)),
        )

    def _guarded(self, inputs: Mapping[str, FloatArray], where: str) -> Tensors | None:
        try:
            outputs = self._session.run(inputs)
        except BundleError as error:
            self.stopped = f"{error}, in call {self._calls}{where}"
            return None
        if bad := not_finite(outputs):
            self.stopped = f"{bad} holds NaN or infinity in call {self._calls}{where}"
            return None
        return outputs

    def _overflown(self) -> Iterator[str]:
        """Say where results first left half precision: what follows is of infinities."""
        beyond = {name: peak for name, peak in self._peaks().items() if peak > HALF_LARGEST}
        if beyond:
            name, peak = next(iter(beyond.items()))
            others = f", and {len(beyond) - 1} more overflow" if len(beyond) > 1 else ""
            yield f"{name} reaches {peak:.6g}; half precision ends at {HALF_LARGEST:.0f}{others}"

    def _near_the_end(self) -> Iterator[str]:
        """Say in one line how many results some of the Neural Engine's operations cannot hold."""
        peaks = self._peaks().items()
        beyond = {name: peak for name, peak in peaks if ENGINE_LARGEST < peak <= HALF_LARGEST}
        if beyond:
            name = max(beyond, key=beyond.__getitem__)
            others = f", and {len(beyond) - 1} more go beyond it" if len(beyond) > 1 else ""
            limit = f"some operations of the Neural Engine end at {ENGINE_LARGEST:.0f}"
            yield f"{name} reaches {beyond[name]:.6g}; {limit}{others}"

    def _peaks(self) -> Mapping[str, float]:
        return self._session.peaks if isinstance(self._session, Watched) else {}

    def _constant(self) -> Iterator[str]:
        spans = {
            tensor.name: (self._highest[tensor.name] - self._lowest[tensor.name], FEATURE_RANGE)
            for tensor in self._tensors
            if not _bounded(tensor)
        }
        if self._judged is not None and self._calls > 1:
            spans[self._judged] = (max(0.0, float((self._most - self._least).max())), ALPHA_RANGE)
        for name, (span, least) in spans.items():
            if span < least:
                between = ", where it is neither 0 nor 1" if name == self._judged else ""
                needed = f"at least {least:.2g} is needed to prove anything"
                yield f"{name} spans {span:.2g} in PyTorch{between}; {needed}: take other weights"

    def _passed_limits(self, psnr_db: Mapping[str, float | None], held_to: Limits) -> Iterator[str]:
        for name, largest in self._max_abs.items():
            most = held_to.max_abs
            if name in self._pictures and held_to.pictures_max_abs is not None:
                most = held_to.pictures_max_abs
            if most is not None and largest > most:
                yield f"max abs of {name} is {largest:.1e}; the limit is {most:.1e}"
            psnr = psnr_db[name]
            least = held_to.psnr_db if name in self._seen else held_to.others_psnr_db
            if psnr is not None and psnr < least:
                yield f"PSNR of {name} is {psnr:.1f} dB; the limit is {least:.1f} dB"

    def _strayed(self, held_to: Limits) -> Iterator[str]:
        if self._judged is None:
            return
        mad, flipped = self._absolute / self._calls, self._flips / self._calls
        held = held_to.strayed(self._judged, mad, flipped)
        if held is not None and held[1] > held[2]:
            yield f"{held[0]} {self._judged} is {held[1]:.1e}; the limit is {held[2]:.1e}"
        if (seen := self._beside_truth) is not None:
            for what, value, most in held_to.worse(self._judged, seen.rise, seen.flicker):
                if value > most:
                    yield f"{what} {self._judged} is {value:.1e}; the limit is {most:.1e}"

    def _drifted(self, drift: float | None, held_to: Limits) -> Iterator[str]:
        if drift is not None and drift > held_to.drift_ratio:
            limit = f"the limit is {held_to.drift_ratio:.1f}"
            yield f"{self._judged} drifts by a factor of {drift:.1f}; {limit}"


def not_finite(outputs: Mapping[str, FloatArray]) -> str | None:
    """Return the name of the first tensor that holds NaN or infinity, or ``None``."""
    return next((name for name, array in outputs.items() if not np.isfinite(array).all()), None)


def _scale(tensor: TensorSpec, reference: FloatArray) -> np.float32:
    return np.float32(1 if _bounded(tensor) else max(FEATURE_RANGE, _largest(reference)))


def _bounded(tensor: TensorSpec) -> bool:
    return tensor.low is not None and tensor.high is not None


def _largest(array: FloatArray) -> float:
    return float(np.abs(array).max())


def _short(value: float) -> float:
    return float(f"{value:.2e}")
