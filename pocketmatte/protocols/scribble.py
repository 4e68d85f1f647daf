"""``scribble``: IoU after rounds of simulated strokes, and the number of clicks to an IoU.

All is done at the tier's size, to which picture and true mask are stretched; strokes are drawn
there as ``scribbles.next_scribbles`` draws them, each round into what the last one left wrong, from
no mask at all (``iou_1`` ...) and from a mask that is wrong (``wrong_iou_1`` ...), of an IoU of 0.4
to 0.95 as S2M of Cheng et al., CVPR 2021, is trained with. NoC is the number of clicks from no mask
to an IoU of 85 or 90 %, at most 20 (Xu et al., CVPR 2016). Baselines: the wrong mask as it is, no
mask, and the strokes taken as paint after the last round.
"""

import functools
from pathlib import Path

import numpy as np

from pocketmatte.interaction import (
    ClickScores,
    RoundScores,
    Segment,
    iou_by_click,
    iou_by_round,
    number_of_clicks,
    painted,
)
from pocketmatte.matting.scribble import Corrector
from pocketmatte.protocols.alpha import mean
from pocketmatte.protocols.data import Stills, open_stills
from pocketmatte.protocols.protocol import (
    Column,
    EvaluationProtocol,
    Measure,
    Opener,
    OpenTier,
    Result,
)
from pocketmatte.protocols.resizing import decided, frame_of, plane_of
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scribbles import LEAST_AREA_PX, BoolArray
from pocketmatte.stepping import as_nchw
from pocketmatte.training.simulated_masks import perturbed_mask
from tiers.errors import MediaError

ROUNDS = 3
TARGETS = (0.85, 0.90)  # as the field reports NoC


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a folder of ``image/`` and ``mask/`` or ``alpha/``, or a clip."""
    stills = open_stills(path, limit)
    return Measure(sizes_hw=stills.sizes_hw, measured=functools.partial(_measure, stills))


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=(
        *(Column(name=f"iou_{k}", title=f"IoU {k}") for k in range(1, ROUNDS + 1)),
        *(Column(name=f"noc_{t:.0%}", title=f"NoC {t:.0%}", digits=2) for t in TARGETS),
        Column(name=f"failed_{TARGETS[-1]:.0%}", title="failed"),
        Column(name="wrong_iou", title="wrong"),
        *(Column(name=f"wrong_iou_{k}", title=f"wrong {k}") for k in range(1, ROUNDS + 1)),
        Column(name=f"painted_iou_{ROUNDS}", title="painted"),
        Column(name=f"painted_wrong_iou_{ROUNDS}", title="painted wrong"),
    ),
)


def _measure(stills: Stills, opener: Opener) -> Result:
    rounds: dict[str, list[RoundScores]] = {
        "": [], "wrong_": [], "painted_": [], "painted_wrong_": [],
    }  # fmt: skip
    clicks: list[ClickScores] = []
    for number, (picture, mask) in enumerate(stills):
        tier = opener(mask.shape)
        size_hw = tier.spec.output_hw
        true = decided(plane_of(mask, size_hw)[0, 0])
        if true.sum() < LEAST_AREA_PX:
            continue  # there is nothing to mark
        image = np.ascontiguousarray(frame_of(picture, size_hw)[0].transpose(1, 2, 0))
        segment = _segment(tier)
        wrong = perturbed_mask(true > 0, np.random.default_rng(number)).astype(np.float32)
        for name, start in (("", None), ("wrong_", wrong)):
            for prefix, by in (("", segment), ("painted_", painted)):
                # every picture has strokes of its own, the same for all tiers
                strokes = np.random.default_rng(number)
                scores = iou_by_round(by, image, true, strokes, rounds=ROUNDS, start=start)
                rounds[prefix + name].append(scores)
        clicks.append(iou_by_click(segment, image, true, stop_at=max(TARGETS)))
    if not clicks:
        msg = f"{stills.path}: no mask marks anything that is still seen at the tier's size"
        raise MediaError(msg)
    return Result(
        path=stills.path,
        frames=len(clicks),
        size_hw=None,
        metrics={**_ious(rounds, ("", "wrong_")), **_clicks(clicks)},
        baselines={
            "empty_iou": mean(each.before for each in rounds[""]),
            "wrong_iou": mean(each.before for each in rounds["wrong_"]),
            **_ious(rounds, ("painted_", "painted_wrong_")),
        },
        weight=len(clicks),
    )


def _ious(rounds: dict[str, list[RoundScores]], prefixes: tuple[str, ...]) -> dict[str, float]:
    """Return the mean IoU over the pictures after every round."""
    return {
        f"{prefix}iou_{k}": mean(each.after[k - 1] for each in rounds[prefix])
        for prefix in prefixes
        for k in range(1, ROUNDS + 1)
    }


def _clicks(scores: list[ClickScores]) -> dict[str, float]:
    values = {}
    for target in TARGETS:
        noc = number_of_clicks(scores, target)
        values[f"noc_{target:.0%}"] = noc.mean
        values[f"failed_{target:.0%}"] = noc.failed
    return values


def _segment(tier: OpenTier) -> Segment:
    """Return the tier as a ``Segment``."""
    corrector = Corrector(tier.spec, tier.run)

    def segment(
        image: FloatArray, mask: FloatArray, positive: BoolArray, negative: BoolArray
    ) -> FloatArray:
        planes = [plane.astype(np.float32)[None, None] for plane in (mask, positive, negative)]
        return np.asarray(corrector.correct(as_nchw(image), *planes)[0, 0])

    return segment
