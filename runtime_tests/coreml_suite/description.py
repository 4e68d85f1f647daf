"""What Core ML makes of a model's description before its program runs: shapes and defaults."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from runtime_tests.coreml_suite.features import Given


def admitted(description: Any, given: Mapping[str, Given]) -> dict[str, Given]:
    """Return the inputs with the defaults of those that were left out.

    Args:
        description: coremltools' ``ModelDescription`` protobuf message, or that of a function.
        given: By name.

    Raises:
        RuntimeError: If an array has a shape that the description does not list; the tests look
            for Core ML's words.
    """
    inputs = dict(given)
    for feature in description.input:
        array = feature.type.multiArrayType
        if feature.type.WhichOneof("Type") != "multiArrayType":
            continue
        default = array.WhichOneof("defaultOptionalValue")
        if feature.name not in inputs and feature.type.isOptional and default is not None:
            inputs[feature.name] = np.full(tuple(array.shape), getattr(array, default))
        value = inputs.get(feature.name)
        if isinstance(value, np.ndarray):
            _require_listed(array, value.shape)
    return inputs


def _require_listed(array: Any, shape: tuple[int, ...]) -> None:
    """Refuse what a flexible shape does not take; fixed ones are the program's to check."""
    listed = {tuple(each.shape) for each in array.enumeratedShapes.shapes}
    if listed and shape not in listed:
        text = " x ".join(str(size) for size in shape)
        msg = f"MultiArray Shape ({text}) was not in enumerated set of allowed shapes"
        raise RuntimeError(msg)
    for index, (each, size) in enumerate(zip(array.shapeRange.sizeRanges, shape, strict=False)):
        low, high = each.lowerBound, each.upperBound
        if size < low or 0 <= high < size:
            msg = f"Size ({size}) of dimension ({index}) is not in allowed range ({low}..{high})"
            raise RuntimeError(msg)
