"""The scenes that tiers are calibrated with: the same for every format, and described as data.

Photographs that come with scikit-image, moved by ``pseudo_video``, and drawn people composed by
``training.compositions`` as training clips are. Neither the picture that files are proven on nor
anything of an evaluation is among them.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from torch import Tensor

from pocketmatte.matting.board import Moment
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scene import pictured_scene
from pocketmatte.training.compositions import ClipComposer
from tiers.contract_table import contracts
from tiers.spec import TierSpec

Scenes: TypeAlias = Mapping[str, Sequence[Moment]]

_FRAMES = 6  # of a scene
# Of one scene of either kind where a tier carries states: what these come to shows late. It is one
# with a plain subject: where a network does not know its subject, rounding moves everything.
_LONG = 26

_PICTURES = ("chelsea", "rocket", "camera")
_COMPOSED = 3  # clips
_SEED = 8
_LEAST_SHARE = 0.03  # of a composed clip's first frame that is somebody; some have nobody


def calibration_scenes(spec: TierSpec, frames: int | None = None) -> dict[str, Sequence[Moment]]:
    """Return the scenes by name, each some moments of the tier's output size.

    Names are ``picture:`` of scikit-image or ``composed:`` and a number. Every other one is a half
    of the set that shares nothing with the other half. The last of either kind is a long one where
    the tier carries states.

    Args:
        spec: The tier.
        frames: Of every scene; ``None`` for as many as tiers are calibrated with.
    """
    recurrent = any(contract.states for contract in contracts(spec))
    last = frames or (_LONG if recurrent else _FRAMES)
    lengths = [*[frames or _FRAMES] * (_COMPOSED - 1), last]
    # first, since making one takes the memory of several
    composed = dict(enumerate(_composed(spec, lengths)))
    pictured = zip(_PICTURES, lengths, strict=True)
    return {
        **{
            f"picture:{name}": list(pictured_scene(name, spec, length)) for name, length in pictured
        },
        **{f"composed:{number}": clip for number, clip in composed.items()},
    }


def manifest(spec: TierSpec, scenes: Scenes) -> dict[str, object]:
    """Return what says all about the scenes, for people and for the bundle.

    ``sha256`` is of every frame and mask in turn, as 32-bit numbers.
    """
    total = hashlib.sha256()
    for moment in itertools.chain.from_iterable(scenes.values()):
        total.update(moment.frame.tobytes())
        total.update(moment.mask.tobytes())
    return {
        "sources": list(scenes),
        "frames": [len(scene) for scene in scenes.values()],
        "seed": _SEED,
        "preprocessing": "RGB / 255 at the tier's output size; masks 0..1",
        "size_hw": list(spec.output_hw),
        "sha256": total.hexdigest(),
    }


def _composed(spec: TierSpec, lengths: Sequence[int]) -> Iterator[list[Moment]]:
    """Yield the starts of clips that hold somebody from the first frame on, of so many frames."""
    composer = ClipComposer(None, frame_hw=spec.output_hw, clip_length=max(lengths), seed=_SEED)
    numbers = itertools.count()
    for length in lengths:
        yield next(filter(None, (_start(composer, number, length) for number in numbers)))


def _start(composer: ClipComposer, number: int, length: int) -> list[Moment]:
    """Return the first frames of a clip, none of one that begins with nobody in it."""
    clip = composer.clip(number)
    if float(clip.alpha[0].mean()) < _LEAST_SHARE:
        return []
    pairs = zip(clip.frames[:length], clip.alpha[:length], strict=True)
    return [Moment(frame=_array(frame), mask=_array(alpha)) for frame, alpha in pairs]


def _array(tensor: Tensor) -> FloatArray:
    """Return a copy: what it is a part of is larger by far."""
    return np.array(tensor[None].numpy(), dtype=np.float32, order="C")
