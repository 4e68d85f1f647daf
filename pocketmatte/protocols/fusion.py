"""``fusion``: mIoU of fused masks beside those of the two masks that each was fused from.

Rounds are simulated on clips with true masks, at the tier's size, object by object. Every
``SPAN``-th frame is interacted with, the next such frame is the reference frame, and all between
are fused. The previous mask has a fault that is worst at the interaction and gone at the reference,
the new mask another one the other way round: ``training.mask_faults``, as the network is trained
with. The best that needs no network is to take the mask whose own end is nearer: ``nearer_miou``.

Keys come from no network here, but are close where colours are; see ``matting.fusion``.
"""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.matting.fusion import ColourKeys, Fuser
from pocketmatte.protocols.alpha import mean
from pocketmatte.protocols.data import LabelledClip, open_labelled
from pocketmatte.protocols.protocol import Column, EvaluationProtocol, Measure, Opener, Result
from pocketmatte.protocols.resizing import decided, frame_of, resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.segmentation_metrics import iou
from pocketmatte.training.mask_faults import STRENGTH, Fault, faulty, random_fault, severity
from tiers.errors import MediaError

SPAN = 8  # frames from one interaction to the next
_NAMES = ("fused", "previous", "new", "nearer")


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a clip of ``frames/`` and ``masks/`` or ``alpha/``, of three frames at least."""
    clip = open_labelled(path, limit)
    if len(clip) < 3:
        msg = f"{path}: what is fused lies between two frames; give 3 or more"
        raise MediaError(msg)
    measured = functools.partial(_measure, clip)
    return Measure(sizes_hw=frozenset({clip.clip.size_hw}), measured=measured)


PROTOCOL = EvaluationProtocol(
    prepare=prepare,
    columns=tuple(Column(name=f"{name}_miou", title=f"{name} mIoU") for name in _NAMES),
)


def _measure(clip: LabelledClip, opener: Opener) -> Result:
    tier = opener(clip.clip.size_hw)
    keys = ColourKeys(tier.spec)
    fuser = Fuser(tier.spec, tier.run)
    random = np.random.default_rng(0)
    values: dict[str, list[float]] = {name: [] for name in _NAMES}
    fused_frames: set[int] = set()
    for start, frames, masks in _spans(clip, tier.spec.output_hw):
        for number in range(masks.shape[1]):
            round_ = _Round(masks, number, random)
            if not round_.shown:
                continue
            fuser.interact(start, keys(frames[0]), round_.previous(0), round_.new(0))
            for index in range(1, len(frames) - 1):
                true = masks[index, number]
                if not true.any():
                    continue  # all masks of nothing agree
                key, end = keys(frames[index]), start + len(frames) - 1
                previous, new = round_.previous(index), round_.new(index)
                fused = fuser.fuse(start + index, end, frames[index], key, previous, new)
                nearer = new if 2 * index <= len(frames) - 1 else previous
                for name, mask in zip(_NAMES, (fused, previous, new, nearer), strict=True):
                    values[name].append(iou(mask[0, 0], true))
                fused_frames.add(start + index)
    if not fused_frames:
        msg = f"{clip.clip.path}: no object is seen between two interactions at the tier's size"
        raise MediaError(msg)
    means = {f"{name}_miou": mean(each) for name, each in values.items()}
    return Result(
        path=clip.clip.path,
        frames=len(fused_frames),
        size_hw=tier.spec.output_hw,
        metrics={"fused_miou": means.pop("fused_miou")},
        baselines=means,
    )


def _spans(
    clip: LabelledClip, size_hw: tuple[int, int]
) -> Iterator[tuple[int, list[FloatArray], FloatArray]]:
    """Yield the number of each interaction, the frames up to the next, and their masks.

    Frames are ``(1, 3, h, w)``, masks ``(T, K, h, w)`` of 0 and 1; the last span may be shorter.
    """
    pairs = (
        (frame_of(frame, size_hw), decided(resized(masks.astype(np.float32), size_hw)))
        for frame, masks in clip
    )
    held = list(itertools.islice(pairs, 1))
    for start in itertools.count(0, SPAN):
        held += itertools.islice(pairs, SPAN)
        if len(held) < 3:
            return
        frames, masks = zip(*held, strict=True)
        yield start, list(frames), np.stack(masks)
        held = held[-1:]


class _Round:
    """The masks of one object before and after an interaction at the first frame of a span.

    Args:
        masks: ``(T, K, h, w)``, the true ones.
        number: Of the object.
        random: What is wrong, and how much.
    """

    def __init__(self, masks: FloatArray, number: int, random: np.random.Generator) -> None:
        self._own = torch.from_numpy(masks[:, number : number + 1])
        self._others = torch.from_numpy(masks.sum(axis=1, keepdims=True)).clamp(0, 1) - self._own
        self._faults = random_fault(random), random_fault(random)
        self._strengths = random.uniform(*STRENGTH, 2)
        self._last = len(masks) - 1
        self.shown = bool(masks[1:-1, number].any())

    def previous(self, index: int) -> FloatArray:
        """Return the mask of the round before: ``(1, 1, h, w)``, right at the last frame."""
        share = (self._last - index) / self._last
        return self._seen(index, self._faults[0], severity(self._strengths[0], share))

    def new(self, index: int) -> FloatArray:
        """Return the propagated correction: ``(1, 1, h, w)``, right at the first frame."""
        return self._seen(index, self._faults[1], severity(self._strengths[1], index / self._last))

    def _seen(self, index: int, fault: Fault, strength: float) -> FloatArray:
        own, others = self._own[index : index + 1], self._others[index : index + 1]
        return np.asarray(_softened(faulty(own, others, fault, strength)).numpy())


def _softened(mask: Tensor) -> Tensor:
    """Give a mask the soft border, a pixel wide, that probabilities have."""
    return functional.avg_pool2d(mask, 3, stride=1, padding=1, count_include_pad=False)
