"""``trimap``: trimaps of a clip whose first frame is annotated.

The true trimap of every frame is ``matting.trimap.trimap_of`` of its true alpha, widened by
``WIDENED`` of the frame's height to every side, at the tier's size. The first one is given and not
counted. Accuracy and mIoU are of the three classes, over all pixels of the clip together. As a
matte, the trimap is taken as matting networks are given it: each pixel of its likeliest class,
unknown as a half. Its errors are those of the whole frame and, as ``unknown_mad``, ``unknown_mse``
and ``unknown_sad``, those where the true trimap is unknown. ``soft_mad`` is of a matte that is
foreground by its probability and by half of that of being unknown. All that begins with ``first_``
is of the first trimap held up as that of every frame.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketmatte.clips import Clip, open_clip
from pocketmatte.matting.trimap import FOREGROUND, TrimapPropagator, decided, trimap_of
from pocketmatte.protocols.alpha import (
    COLUMNS,
    UNKNOWN_COLUMNS,
    UnknownErrors,
    mad_of,
    mean,
    score_alpha,
)
from pocketmatte.protocols.protocol import Column, EvaluationProtocol, Measure, Opener, Result
from pocketmatte.protocols.resizing import frame_of, plane_of
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.segmentation_metrics import accuracy, class_mean_iou, confusion
from tiers.errors import MediaError
from tiers.rows.trimap import CLASSES

WIDENED = 1 / 32  # as the network's own rollout widens


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a clip of ``frames/`` and ``alpha/``, of two frames at least."""
    clip = open_clip(path, limit)
    if len(clip) < 2:
        msg = f"{path}: one frame is annotated and not counted; give 2 frames or more"
        raise MediaError(msg)
    measured = functools.partial(_measure, clip)
    return Measure(sizes_hw=frozenset({clip.size_hw}), measured=measured)


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(
        Column(name="accuracy", title="accuracy"),
        Column(name="miou", title="mIoU"),
        *UNKNOWN_COLUMNS,
        *COLUMNS,
        Column(name="soft_mad", title="soft MAD", digits=2),
        Column(name="first_accuracy", title="first accuracy"),
        Column(name="first_miou", title="first mIoU"),
        Column(name="first_mad", title="first MAD", digits=2),
    ),
)


def _measure(clip: Clip, opener: Opener) -> Result:
    tier = opener(clip.size_hw)
    size_hw = tier.spec.output_hw
    propagator = TrimapPropagator(tier.spec, tier.run)
    found = np.zeros((CLASSES, CLASSES), np.int64)
    repeated = np.zeros_like(found)
    soft: list[float] = []
    still: list[float] = []
    errors, still_errors = UnknownErrors(), UnknownErrors()

    def pairs() -> Iterator[tuple[FloatArray, FloatArray]]:
        nonlocal found, repeated
        first: FloatArray | None = None
        for picture, alpha in clip:
            true, frame = plane_of(alpha, size_hw), frame_of(picture, size_hw)
            trimap = trimap_of(true, widen_px=round(WIDENED * size_hw[0]))
            if first is None:
                first = _with_foreground(clip, trimap)
                propagator.set_reference(frame, trimap)
                continue
            shares = propagator.propagate(frame)
            matte = decided(shares)
            found += confusion(_classes(matte), _classes(trimap), CLASSES)
            repeated += confusion(_classes(first), _classes(trimap), CLASSES)
            still.append(mad_of(first, true))
            still_errors.add(first, true, trimap)
            soft.append(mad_of((shares[:, 2:] + shares[:, 1:2] / 2).clip(0, 1), true))
            errors.add(matte, true, trimap)
            yield matte[0, 0], true[0, 0]

    scores = score_alpha(pairs())
    return Result(
        path=clip.path,
        frames=scores.frames,
        size_hw=size_hw,
        metrics={
            "accuracy": accuracy(found),
            "miou": class_mean_iou(found),
            **scores.metrics,
            "soft_mad": mean(soft),
            **errors.named(""),
        },
        baselines={
            "constant_mad": scores.constant_mad,
            "first_accuracy": accuracy(repeated),
            "first_miou": class_mean_iou(repeated),
            "first_mad": mean(still),
            **still_errors.named("first_"),
        },
    )


def _with_foreground(clip: Clip, trimap: FloatArray) -> FloatArray:
    if not (trimap == FOREGROUND).any():
        msg = (
            f"{clip.alphas[0]}: its trimap at the tier's size has no foreground left; begin where "
            "more of the subject is seen"
        )
        raise MediaError(msg)
    return trimap


def _classes(trimap: FloatArray) -> npt.NDArray[np.int64]:
    """Return a trimap of 0, 0.5 and 1 as classes 0, 1 and 2."""
    return np.rint(2 * trimap).astype(np.int64)
