"""Checks shared by every session: inputs, the tensors a file declares, and the thread count."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import BundleError


def checked_inputs(
    contract: ProgramContract, inputs: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return ``inputs`` in the contract's order, each C-contiguous.

    Raises:
        ValueError: If an input is missing, unknown, of another shape or type, or not finite.
    """
    expected = [tensor.name for tensor in contract.inputs]
    if set(inputs) != set(expected):
        msg = f"inputs are {', '.join(sorted(inputs)) or 'none'}; expected {', '.join(expected)}"
        raise ValueError(msg)
    return {tensor.name: _checked(tensor, inputs[tensor.name]) for tensor in contract.inputs}


def checked_threads(threads: int) -> int:
    """Return ``threads``.

    Raises:
        ValueError: If it is below 1.
    """
    if threads < 1:
        msg = f"threads is {threads}; it must be at least 1"
        raise ValueError(msg)
    return threads


def check_file(path: Path) -> None:
    """Refuse a path that holds nothing to load.

    Raises:
        BundleError: If there is no file or folder there.
    """
    if not path.exists():
        msg = f"no file {path}; build the bundle again"
        raise BundleError(msg)


def check_declared(
    path: Path, kind: str, expected: Sequence[TensorSpec], declared: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse a file whose tensors are not those of the contract.

    Args:
        path: The file, for the message.
        kind: ``inputs`` or ``outputs``, for the message.
        expected: The contract's tensors of that kind.
        declared: The shapes that the file declares, by name.

    Raises:
        BundleError: If a name or a shape differs.
    """
    wanted = {tensor.name: tensor.shape for tensor in expected}
    if dict(declared) != wanted:
        msg = (
            f"{path} holds another program: its {kind} are {_listing(declared)}; "
            f"expected {_listing(wanted)}"
        )
        raise BundleError(msg)


def one_line(error: BaseException) -> str:
    """Return the first line of a runtime's own message, or the error's type if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _checked(tensor: TensorSpec, array: FloatArray) -> FloatArray:
    if array.shape != tensor.shape or array.dtype != np.float32:
        msg = (
            f"{tensor.name} is {array.dtype} {array.shape}; "
            f"the program takes float32 {tensor.shape}"
        )
        raise ValueError(msg)
    # A sum is a third of the cost of isfinite on a whole frame, and no finite sum hides a NaN.
    if not math.isfinite(float(array.sum())) and not np.isfinite(array).all():
        msg = f"{tensor.name} holds NaN or infinity; the program takes finite values"
        raise ValueError(msg)
    return np.ascontiguousarray(array)


def _listing(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"
