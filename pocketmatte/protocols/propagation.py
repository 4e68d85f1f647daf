"""``propagation``: the objects of the first frame, followed through a clip; J, F and J&F.

The semi-supervised protocol of DAVIS: the true masks of the first frame are given, first and last
frame are not counted, the mean is over the objects. Masks go in at the tier's size and are compared
at the clip's own, to which their probabilities are enlarged. A run holds two objects; a clip of
more takes several, side by side.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pocketmatte.matting.board import Run
from pocketmatte.matting.propagation import Propagator
from pocketmatte.protocols.data import BoolArray, LabelledClip, open_labelled
from pocketmatte.protocols.protocol import Column, EvaluationProtocol, Measure, Opener, Result
from pocketmatte.protocols.resizing import frame_of, resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.sequence_scores import VideoScores, score_first_repeated, score_masks
from tiers.errors import MediaError
from tiers.rows.propagation import OBJECTS
from tiers.spec import TierSpec

_FEWEST_FRAMES = 3  # the first and the last one are not counted


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a clip of ``frames/`` and ``masks/`` or ``alpha/``, of three frames at least."""
    clip = open_labelled(path, limit)
    if len(clip) < _FEWEST_FRAMES:
        msg = f"{path}: first and last frame are not counted; give {_FEWEST_FRAMES} or more"
        raise MediaError(msg)
    measured = functools.partial(_measure, clip)
    return Measure(sizes_hw=frozenset({clip.clip.size_hw}), measured=measured)


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(
        Column(name="j", title="J"),
        Column(name="j_recall", title="J recall"),
        Column(name="j_decay", title="J decay"),
        Column(name="f", title="F"),
        Column(name="f_recall", title="F recall"),
        Column(name="f_decay", title="F decay"),
        Column(name="jf", title="J&F"),
        Column(name="first_mask_jf", title="first mask J&F"),
    ),
)


def _measure(clip: LabelledClip, opener: Opener) -> Result:
    tier = opener(clip.clip.size_hw)
    scores = score_masks(_followed(clip, tier.spec, tier.run))
    first = score_first_repeated(clip.truths())
    return Result(
        path=clip.clip.path,
        frames=scores.frames,
        size_hw=clip.clip.size_hw,
        metrics=_named(scores),
        baselines={f"first_mask_{name}": value for name, value in _named(first).items()},
        weight=len(scores.objects),
    )


def _named(scores: VideoScores) -> dict[str, float]:
    """Return the means over the objects by name."""
    values = {"j": scores.j, "f": scores.f, "jf": scores.jf}
    for name in ("j", "f"):
        measured = [getattr(each, name) for each in scores.objects]
        values[f"{name}_recall"] = float(np.mean([each.recall for each in measured]))
        values[f"{name}_decay"] = float(np.mean([each.decay for each in measured]))
    return values


def _followed(
    clip: LabelledClip, spec: TierSpec, run: Run
) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Yield predicted and true masks of every frame, of the first one the given masks twice."""
    runs: list[_SomeObjects] | None = None
    for picture, true in clip:
        frame = frame_of(picture, spec.output_hw)
        if runs is None:
            shares = resized(true.astype(np.float32), spec.output_hw)
            masks = _winners(1 - shares.sum(axis=0), shares).astype(np.float32)
            runs = [
                _SomeObjects(spec, run, frame, masks[first : first + OBJECTS, None])
                for first in range(0, len(masks), OBJECTS)
            ]
            yield true, true
        else:
            found = np.concatenate([each.step(frame) for each in runs])
            yield shared_out(resized(found, clip.clip.size_hw)), true


class _SomeObjects:
    """As many objects as one run of the network holds.

    Args:
        spec: A tier of ``propagation``.
        run: Runs its programs by name.
        frame: ``(1, 3, h, w)``, the first one.
        masks: ``(N, 1, h, w)`` of 0 and 1; where the tier's size shows none of the objects, they
            are never found.
    """

    def __init__(self, spec: TierSpec, run: Run, frame: FloatArray, masks: FloatArray) -> None:
        self._nothing = np.zeros_like(masks[:, 0])
        self._propagator = Propagator(spec, run) if masks.any() else None
        if self._propagator is not None:
            self._propagator.start(frame, masks)

    def step(self, frame: FloatArray) -> FloatArray:
        """Return the objects' probabilities in the next frame, ``(N, h, w)``."""
        if self._propagator is None:
            return self._nothing
        return self._propagator.step(frame)[:, 0]


def shared_out(probabilities: FloatArray) -> BoolArray:
    """Give every pixel to the object, or the background, that is the most likely there.

    What a run leaves of a pixel beside its own objects, ``1 - sum p``, is background to it;
    the background of all is the product over the runs.

    Args:
        probabilities: ``(K, H, W)`` in 0..1, of objects that were followed two by two.

    Returns:
        ``(K, H, W)``, at most one object a pixel.
    """
    left = [
        1 - probabilities[first : first + OBJECTS].sum(axis=0)
        for first in range(0, len(probabilities), OBJECTS)
    ]
    return _winners(np.prod(left, axis=0), probabilities)


def _winners(background: FloatArray, objects: FloatArray) -> BoolArray:
    """Return which of ``(K, H, W)`` objects is above the others and the background, by pixel."""
    winner = np.concatenate([background[None], objects]).argmax(axis=0)
    return np.asarray(winner == np.arange(1, len(objects) + 1)[:, None, None])
