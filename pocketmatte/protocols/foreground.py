"""``foreground``: masks of single pictures; mIoU and MAD.

A picture is stretched to the tier's size, its soft mask enlarged to the picture's own and compared
there: IoU from a half on, MAD of the soft values, both means over pictures; ``decided_mad`` is of
the mask that is 1 from a half on. ``constant_mad`` is of the best constant mask of each picture,
``full_miou`` of the mask that is everything.

``prior_miou`` and ``prior_mad`` are of a mask that knows where subjects stand and nothing of the
picture: the mean mask of the folder's other pictures, at ``PRIOR_HW`` and enlarged. For IoU it
begins at that one of ``PRIOR_LEVELS`` which suits the whole folder best, for MAD at a half, where
the least is wrong. A picture that is alone has the mask that is everything. The frames of a clip
are alike, so that what the others show is nearly the truth there.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from pocketmatte.matting.foreground import Segmenter
from pocketmatte.metrics import best_constant_mad
from pocketmatte.protocols.alpha import mad_of, mean
from pocketmatte.protocols.data import Stills, open_stills
from pocketmatte.protocols.protocol import Column, EvaluationProtocol, Measure, Opener, Result
from pocketmatte.protocols.resizing import decided, frame_of, resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.segmentation_metrics import iou

PRIOR_HW = (64, 64)
PRIOR_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

_METRICS = ("miou", "mad", "decided_mad")
_BASELINES = ("prior_miou", "prior_mad", "full_miou", "constant_mad")


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a folder of ``image/`` and ``mask/`` or ``alpha/``, or a clip."""
    stills = open_stills(path, limit)
    measured = functools.partial(_measure, stills, _prior_of(stills))
    return Measure(sizes_hw=stills.sizes_hw, measured=measured)


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(
        Column(name="miou", title="mIoU"),
        Column(name="mad", title="MAD", digits=2),
        Column(name="decided_mad", title="decided MAD", digits=2),
        Column(name="prior_miou", title="prior mIoU"),
        Column(name="prior_mad", title="prior MAD", digits=2),
        Column(name="full_miou", title="full mIoU"),
        Column(name="constant_mad", title="constant MAD", digits=2),
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Prior:
    """Where subjects stand in a folder's pictures.

    Attributes:
        others: ``(N, h, w)`` in 0..1: of each picture, the mean mask of the others.
        level: What of it is taken for the subject.
    """

    others: FloatArray
    level: float

    def soft(self, number: int, size_hw: tuple[int, int]) -> FloatArray:
        """Return what the others show, in a picture's own size."""
        return resized(self.others[number], size_hw)


def _prior_of(stills: Stills) -> _Prior:
    masks = np.stack([resized(mask, PRIOR_HW) for mask in stills.truths()])
    others = np.ones_like(masks)
    if len(masks) > 1:
        others = (masks.sum(axis=0) - masks) / np.float32(len(masks) - 1)

    def reached(level: float) -> float:
        return mean(iou(prior >= level, mask) for prior, mask in zip(others, masks, strict=True))

    return _Prior(others=others, level=max(PRIOR_LEVELS, key=reached))


def _measure(stills: Stills, prior: _Prior, opener: Opener) -> Result:
    rows: dict[str, list[float]] = {name: [] for name in (*_METRICS, *_BASELINES)}
    for number, (picture, true) in enumerate(stills):
        tier = opener(true.shape)
        frame = frame_of(picture, tier.spec.output_hw)
        mask = resized(Segmenter(tier.spec, tier.run).segment(frame), true.shape)[0, 0]
        rows["miou"].append(iou(mask, true))
        rows["mad"].append(mad_of(mask, true))
        rows["decided_mad"].append(mad_of(decided(mask), true))
        blind = prior.soft(number, true.shape)
        rows["prior_miou"].append(iou((blind >= prior.level).astype(np.float32), true))
        rows["prior_mad"].append(mad_of(decided(blind), true))
        rows["full_miou"].append(iou(np.ones_like(true), true))
        rows["constant_mad"].append(best_constant_mad(true[None]))
    means = {name: mean(values) for name, values in rows.items()}
    return Result(
        path=stills.path,
        frames=len(stills),
        size_hw=None,
        metrics={name: means[name] for name in _METRICS},
        baselines={name: means[name] for name in _BASELINES},
        weight=len(stills),
    )
