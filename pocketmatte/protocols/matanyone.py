"""``matanyone``: mattes of the subject whose mask is known in the first frame.

The mask is the first frame's true alpha from a half on, at the tier's size, as is all else. Every
frame counts, the first one too, of which the network is given a hard mask and no matte.
``first_mask_mad`` is the error of that mask held up as the alpha of every frame.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

from pocketmatte.clips import Clip, open_clip
from pocketmatte.matting.matanyone import MatAnyoneMatter
from pocketmatte.protocols.alpha import COLUMNS, mad_of, mean, score_alpha
from pocketmatte.protocols.protocol import Column, EvaluationProtocol, Measure, Opener, Result
from pocketmatte.protocols.resizing import decided, frame_of, plane_of
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a clip of ``frames/`` and ``alpha/`` or ``masks/``."""
    clip = open_clip(path, limit)
    measured = functools.partial(_measure, clip)
    return Measure(sizes_hw=frozenset({clip.size_hw}), measured=measured)


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(*COLUMNS, Column(name="first_mask_mad", title="first mask", digits=2)),
)


def _measure(clip: Clip, opener: Opener) -> Result:
    tier = opener(clip.size_hw)
    size_hw = tier.spec.output_hw
    matter = MatAnyoneMatter(tier.spec, tier.run)
    repeated: list[float] = []

    def pairs() -> Iterator[tuple[FloatArray, FloatArray]]:
        mask: FloatArray | None = None
        for picture, alpha in clip:
            true, frame = plane_of(alpha, size_hw), frame_of(picture, size_hw)
            if mask is None:
                mask = _first_mask(clip, true)
                alphas = matter.start(frame, mask)
            else:
                alphas = matter.step(frame)
            repeated.append(mad_of(mask, true))
            yield alphas[0, 0], true[0, 0]

    scores = score_alpha(pairs())
    return Result(
        path=clip.path,
        frames=scores.frames,
        size_hw=size_hw,
        metrics=scores.metrics,
        baselines={"constant_mad": scores.constant_mad, "first_mask_mad": mean(repeated)},
    )


def _first_mask(clip: Clip, alpha: FloatArray) -> FloatArray:
    mask = decided(alpha)
    if not mask.any():
        msg = f"{clip.alphas[0]}: marks no subject at the tier's size; begin where one is seen"
        raise MediaError(msg)
    return mask
