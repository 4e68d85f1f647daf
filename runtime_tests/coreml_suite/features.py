"""What an app gives to Core ML and gets from it, as the evaluator holds it: arrays and images."""

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pocketmatte.mlprogram.types import TensorType, Type, Value

Array: TypeAlias = NDArray[Any]
Given: TypeAlias = Array | Image.Image

_PEAK = 255


def held(given: Given, kind: Type, image: str | None) -> Tensor:
    """Return an input as a tensor; of an image `(1, C, H, W)`, its levels 0 to 255."""
    if isinstance(given, Image.Image):
        pixels = np.asarray(given, dtype=np.float32)
        planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        ordered = planes[::-1] if image == "BGR" else planes
        levels = torch.from_numpy(ordered[None].copy())
        return levels.to(kind.element.held) if isinstance(kind, TensorType) else levels
    value = torch.from_numpy(np.ascontiguousarray(given))
    if not isinstance(kind, TensorType):
        return value
    if not kind.shape and not kind.variadic:
        value = value.reshape(())  # Core ML's own inputs have a dimension or more
    return value.to(kind.element.held)


def given_back(value: Value, image: str | None) -> Any:
    """Return an output as Core ML gives it; 8-bit images rounded to the nearest level."""
    if not isinstance(value, Tensor):
        return value
    array = np.array(value.numpy())
    if image is None:
        return array.reshape(1) if array.ndim == 0 else array
    planes = array[0]
    if image == "GRAYSCALE_FLOAT16":
        return Image.fromarray(planes[0])
    pixels = np.rint(planes.clip(0, _PEAK)).astype(np.uint8)
    if image == "GRAYSCALE":
        return Image.fromarray(pixels[0])
    ordered = pixels[::-1] if image == "BGR" else pixels
    return Image.fromarray(ordered.transpose(1, 2, 0).copy())
