"""Alpha from two published person networks, where they agree."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocketmatte.training.cutouts import Picture, guided
from pocketmatte.training.masks import components, without_holes
from tiers.errors import CheckpointError

FloatArray = NDArray[np.float32]

# Parts of a teacher's mask below this share of the frame are noise or far-away people.
_MIN_SHARE = 0.03


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What the teachers say of one frame.

    Attributes:
        alpha: ``(H, W)`` in 0..1, fitted to the frame's edges.
        agreement: Intersection over union of the teachers' masks, near the first one's.
    """

    alpha: FloatArray
    agreement: float


class Teachers:
    """The portrait network ``prisma`` and the person network ``deeplab``.

    Args:
        weights_dir: Folder with ``prisma_nchw.onnx`` and ``deeplab_dm05_nchw.onnx``.

    Raises:
        CheckpointError: If a file is missing.
    """

    def __init__(self, weights_dir: Path) -> None:
        self._prisma = _session(weights_dir / "prisma_nchw.onnx")
        self._deeplab = _session(weights_dir / "deeplab_dm05_nchw.onnx")

    def portrait(self, frame: Picture) -> FloatArray:
        """Alpha of the portrait network alone, ``(H, W)`` in 0..1."""
        output = _run(self._prisma, _input(frame, 256, 0.0, 1.0))
        return _resized(output[0, 0], frame.shape[:2])

    def opinion(self, frame: Picture) -> Opinion:
        """Ask both about an ``(H, W, 3)`` uint8 frame."""
        first = self.portrait(frame)
        logits = _run(self._deeplab, _input(frame, 513, -1.0, 1.0))[0]
        # Softmax over two classes is the logistic function of the difference.
        person = 1.0 / (1.0 + np.exp(logits[0] - logits[1]))
        second = _resized(person.astype(np.float32), frame.shape[:2])
        # deeplab also marks furniture: compare its parts that lie on the first one's person.
        solid = without_holes(first > 0.5, 0.01)
        own = np.zeros_like(solid)
        for part in components(without_holes(second > 0.5, 0.03), 0.002):
            if (part & solid).sum() > 0.5 * part.sum():
                own |= part
        union = (own | solid).sum()
        agreement = float((own & solid).sum() / union) if union else 0.0
        kept = np.zeros(solid.shape, bool)
        for part in components(solid, _MIN_SHARE):
            kept |= part
        return Opinion(alpha=_refined(first, kept, frame), agreement=agreement)


def _refined(coarse: FloatArray, kept: NDArray[np.bool_], frame: Picture) -> FloatArray:
    """Fit to the picture and harden: a 256-pixel network leaves edges too soft."""
    near = np.asarray(Image.fromarray(kept).resize((64, 64)), np.float32)
    allowed = _resized(near, kept.shape) > 0.02
    fitted = guided(np.where(allowed, coarse, 0.0).astype(np.float32), frame, radius=8)
    # Steeper and a little tighter: a halo of the old background would give the answer away.
    return np.asarray(np.clip((fitted - 0.35) / 0.5, 0.0, 1.0), np.float32)


def _input(frame: Picture, side_px: int, low: float, high: float) -> FloatArray:
    resized = Image.fromarray(frame).resize((side_px, side_px), Image.Resampling.BILINEAR)
    planes = np.asarray(resized, np.float32).transpose(2, 0, 1) / 255.0
    return np.ascontiguousarray(low + (high - low) * planes)[None]


def _resized(values: FloatArray, size_hw: tuple[int, ...]) -> FloatArray:
    image = Image.fromarray(values).resize((size_hw[1], size_hw[0]), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image), 0.0, 1.0)


def _session(path: Path) -> Any:
    import onnxruntime

    if not path.is_file():
        msg = f"no teacher {path.name} in {path.parent}; give the folder with --weights"
        raise CheckpointError(msg)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Old exports list their constants as inputs; the warning for each of them helps nobody.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(session: Any, values: FloatArray) -> FloatArray:
    return np.asarray(session.run(None, {session.get_inputs()[0].name: values})[0], np.float32)
