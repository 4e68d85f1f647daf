"""``foreground``: masks of single pictures; mIoU and MAD.

A picture is stretched to the tier's size, its soft mask enlarged to the picture's own and compared
there: IoU from a half on, MAD of the soft values, both means over pictures. ``constant_mad`` is of
the best constant mask of each picture, ``full_miou`` of the mask that is everything.
"""

import functools
from pathlib import Path

import numpy as np

from pocketmatte.matting.foreground import Segmenter
from pocketmatte.metrics import best_constant_mad
from pocketmatte.protocols.alpha import mad_of, mean
from pocketmatte.protocols.data import Stills, open_stills
from pocketmatte.protocols.protocol import Column, EvaluationProtocol, Measure, Opener, Result
from pocketmatte.protocols.resizing import frame_of, resized
from pocketmatte.segmentation_metrics import iou


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a folder of ``image/`` and ``mask/`` or ``alpha/``, or a clip."""
    return functools.partial(_measure, open_stills(path, limit))


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(
        Column(name="miou", title="mIoU"),
        Column(name="mad", title="MAD", digits=2),
        Column(name="full_miou", title="full mIoU"),
        Column(name="constant_mad", title="constant MAD", digits=2),
    ),
)


def _measure(stills: Stills, opener: Opener) -> Result:
    rows: dict[str, list[float]] = {"miou": [], "mad": [], "full_miou": [], "constant_mad": []}
    for picture, true in stills:
        tier = opener(true.shape)
        frame = frame_of(picture, tier.spec.output_hw)
        mask = resized(Segmenter(tier.spec, tier.run).segment(frame), true.shape)[0, 0]
        rows["miou"].append(iou(mask, true))
        rows["mad"].append(mad_of(mask, true))
        rows["full_miou"].append(iou(np.ones_like(true), true))
        rows["constant_mad"].append(best_constant_mad(true[None]))
    means = {name: mean(values) for name, values in rows.items()}
    return Result(
        clip=stills.path.name,
        frames=len(stills),
        size_hw=None,
        metrics={name: means[name] for name in ("miou", "mad")},
        baselines={name: means[name] for name in ("full_miou", "constant_mad")},
    )
