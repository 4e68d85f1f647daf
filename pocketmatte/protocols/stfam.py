"""``stfam``: mattes from a trimap of every frame, made of the true alpha.

The trimap is ``matting.trimap.trimap_of`` of the true alpha, widened by ``WIDENED`` of the frame's
height to every side. All is done at the tier's size. MAD to dtSSD count the whole frame; where the
trimap is certain the network repeats it, so ``unknown_mad``, ``unknown_mse`` and ``unknown_sad``
count unknown pixels alone, as trimap-based matting reports them. All that begins with ``trimap_``
is of the trimap itself with a half where it is unknown: what is improved on.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

from pocketmatte.clips import Clip, open_clip
from pocketmatte.matting.stfam import TrimapMatter
from pocketmatte.matting.trimap import trimap_of
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

WIDENED = 1 / 32  # about 9 pixels of 288


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a clip of ``frames/`` and ``alpha/``."""
    clip = open_clip(path, limit)
    measured = functools.partial(_measure, clip)
    return Measure(sizes_hw=frozenset({clip.size_hw}), measured=measured)


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(*UNKNOWN_COLUMNS, *COLUMNS, Column(name="trimap_mad", title="trimap", digits=2)),
)


def _measure(clip: Clip, opener: Opener) -> Result:
    tier = opener(clip.size_hw)
    size_hw = tier.spec.output_hw
    matter = TrimapMatter(tier.spec, tier.run)
    unmatted: list[float] = []
    found, given = UnknownErrors(), UnknownErrors()

    def pairs() -> Iterator[tuple[FloatArray, FloatArray]]:
        for frame, alpha in clip:
            true = plane_of(alpha, size_hw)
            trimap = trimap_of(true, widen_px=round(WIDENED * size_hw[0]))
            unmatted.append(mad_of(trimap, true))
            given.add(trimap, true, trimap)
            matte = matter.matte(frame_of(frame, size_hw), trimap)
            found.add(matte, true, trimap)
            yield matte[0, 0], true[0, 0]

    scores = score_alpha(pairs())
    return Result(
        path=clip.path,
        frames=scores.frames,
        size_hw=size_hw,
        metrics={**scores.metrics, **found.named("")},
        baselines={
            "constant_mad": scores.constant_mad,
            "trimap_mad": mean(unmatted),
            **given.named("trimap_"),
        },
    )
