"""The scenes that tiers are calibrated with: the same for every format, and described as data.

Photographs that come with scikit-image, moved by ``pseudo_video``, and drawn people composed by
``training.compositions`` as training clips are. Neither the picture that files are proven on nor
anything of an evaluation is among them.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from pocketmatte.matting.board import Moment
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scene import pictured_scene
from pocketmatte.training.compositions import ClipComposer
from tiers.spec import TierSpec

_PICTURES = ("coffee", "chelsea", "rocket")
_COMPOSED = (0, 1, 2)  # numbers of clips that hold somebody
_SEED = 8
_FRAMES = 6  # of a scene

Half = Literal["both", "first", "second"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationSet:
    """What a tier is calibrated with.

    Attributes:
        half: The whole set, or every other scene of it: two halves that share nothing should give
            nearly the same program.
        frames: Of a scene.
    """

    half: Half = "both"
    frames: int = _FRAMES

    @property
    def sources(self) -> list[str]:
        """Names of the scenes, ``picture:`` of scikit-image or ``composed:`` and its number."""
        names = [f"picture:{name}" for name in _PICTURES]
        names += [f"composed:{number}" for number in _COMPOSED]
        return {"both": names, "first": names[::2], "second": names[1::2]}[self.half]

    def scenes(self, spec: TierSpec) -> Iterator[Sequence[Moment]]:
        """Yield the scenes, each some moments of the tier's output size."""
        for source in self.sources:
            kind, _, name = source.partition(":")
            if kind == "picture":
                yield list(pictured_scene(name, spec, self.frames))
            else:
                yield _composed(int(name), spec, self.frames)

    def manifest(self, spec: TierSpec) -> Mapping[str, object]:
        """Return what says all about the set, for people and for the bundle.

        ``sha256`` is of every frame and mask in turn, as 32-bit numbers.
        """
        total = hashlib.sha256()
        for scene in self.scenes(spec):
            for moment in scene:
                total.update(moment.frame.tobytes())
                total.update(moment.mask.tobytes())
        return {
            "sources": self.sources,
            "frames": self.frames,
            "seed": _SEED,
            "preprocessing": "RGB / 255 at the tier's output size; masks 0..1",
            "size_hw": list(spec.output_hw),
            "sha256": total.hexdigest(),
        }


def _composed(number: int, spec: TierSpec, frames: int) -> list[Moment]:
    composer = ClipComposer(None, frame_hw=spec.output_hw, clip_length=frames, seed=_SEED)
    found = 0
    for index in range(100):
        clip = composer.clip(index)
        if float(clip.alpha[0].mean()) < _LEAST_SHARE:  # nobody is in some of them
            continue
        if found == number:
            pairs = zip(clip.frames, clip.alpha, strict=True)
            return [Moment(frame=_array(f), mask=_array(alpha)) for f, alpha in pairs]
        found += 1
    msg = f"100 clips hold fewer than {number + 1} with somebody in the first frame"
    raise RuntimeError(msg)


_LEAST_SHARE = 0.03  # of the frame


def _array(tensor: object) -> FloatArray:
    return np.ascontiguousarray(np.asarray(tensor, dtype=np.float32)[None])


def digest(manifest: Mapping[str, object]) -> str:
    """Return the hash of a calibration manifest."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
