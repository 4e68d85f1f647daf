"""Checks shared by every session: inputs, outputs, the tensors a file declares, the threads."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import BundleError, PocketMatteError


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


def require_finite(program: str, outputs: Mapping[str, FloatArray], frame: int) -> None:
    """Refuse what a program gave where it holds NaN or infinity.

    Weights whose values are all finite may overflow, and so may half precision.

    Args:
        program: Its name, for the message.
        outputs: By name.
        frame: Number of the frame that it was run on, from 0, for the message.

    Raises:
        PocketMatteError: If a value is not finite.
    """
    for name, array in outputs.items():
        if not _is_finite(array):
            msg = (
                f"{program} gives NaN or infinity in {name} at frame {frame}; "
                "take other weights, or files of another recipe"
            )
            raise PocketMatteError(msg)


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
    if not _is_finite(array):
        msg = f"{tensor.name} holds NaN or infinity; the program takes finite values"
        raise ValueError(msg)
    return np.ascontiguousarray(array)


def _is_finite(array: FloatArray) -> bool:
    """Say whether no value is NaN or infinity.

    A sum is a third of the cost of isfinite on a whole frame, and no finite sum hides a NaN.
    """
    with np.errstate(all="ignore"):  # infinities of both signs, or a sum beyond the largest value
        total = float(array.sum())
    return math.isfinite(total) or bool(np.isfinite(array).all())


def _listing(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"
