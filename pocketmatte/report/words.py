"""What the page says of networks and formats, and how it writes numbers."""

from collections.abc import Mapping
from types import MappingProxyType

NETWORKS: Mapping[str, str] = MappingProxyType(
    {
        "rvm": "mattes people by itself, frame after frame",
        "foreground": "masks whatever stands out in one picture",
        "scribble": "corrects a mask by strokes",
        "propagation": "carries masks through a video",
        "fusion": "merges the rounds of propagation",
        "trimap": "carries trimaps through a video",
        "stfam": "mattes a video from its trimaps",
        "matanyone": "mattes a video from the mask of its first frame",
    }
)
FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "onnx": "ONNX",
        "coreml": "Core ML",
        "coreml-image": "Core ML images",
        "coreml-stateful": "Core ML stateful",
        "executorch": "ExecuTorch",
        "coreai": "Core AI",
        "torch": "PyTorch",
    }
)
MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "mad": "MAD",
        "dtssd": "dtSSD",
        "miou": "mIoU",
        "iou_3": "IoU after 3 rounds",
        "jf": "J&F",
        "fused_miou": "mIoU of fused masks",
    }
)
ERRORS = frozenset({"mad", "dtssd"})  # of these less is better
NOT_MEASURED = "not measured"


def size(value_bytes: float | None) -> str:
    """Write bytes as megabytes of 1e6, or gigabytes of 1e9."""
    if value_bytes is None:
        return NOT_MEASURED
    if abs(value_bytes) >= 1e9:
        return f"{value_bytes / 1e9:,.2f} GB"
    digits = 2 if abs(value_bytes) < 1e7 else 1
    return f"{value_bytes / 1e6:,.{digits}f} MB"


def milliseconds(value_ms: float | None) -> str:
    """Write a time with three digits that mean something."""
    if value_ms is None:
        return NOT_MEASURED
    digits = 0 if value_ms >= 100 else 1 if value_ms >= 10 else 2
    return f"{value_ms:,.{digits}f} ms"


def decibels(value_db: float | None) -> str:
    """Write a PSNR."""
    return NOT_MEASURED if value_db is None else f"{value_db:.1f} dB"


def small(value: float | None) -> str:
    """Write an error, most of which are small."""
    return NOT_MEASURED if value is None else f"{value:.1e}"


def ratio(value: float | None) -> str:
    """Write a quotient."""
    return NOT_MEASURED if value is None else f"{value:.2f}"


def count(value: int) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}"


def plural(number: int, word: str) -> str:
    """Write a number of things."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
