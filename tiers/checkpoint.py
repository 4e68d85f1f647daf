"""Read and write weight files: safetensors of ours, PyTorch files of others.

A file from elsewhere is hostile until proven otherwise: a pickle is read with ``weights_only``,
and every tensor must be plain, whole in the file, and finite.
"""

import hashlib
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from tiers.errors import CheckpointError, MissingCheckpointError

# What torch.load raises, besides UnpicklingError, on files with cut ends and changed bytes.
_DAMAGED = (
    AssertionError, AttributeError, EOFError, LookupError, OSError, OverflowError, RuntimeError,
    TypeError, ValueError, struct.error, zipfile.BadZipFile,
)  # fmt: skip

_DTYPES = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64})


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file.

    Raises:
        CheckpointError: If the file is missing, truncated, or holds anything but plain tensors of
            finite values.
    """
    _require_file(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        msg = f"{path} is no whole safetensors file ({_first_line(error)}); fetch it again"
        raise CheckpointError(msg) from error
    _require_plain(path, tensors)
    require_finite(path, tensors)
    return tensors, metadata


def read_pytorch(path: Path) -> dict[str, Tensor]:
    """Return the state dict of a PyTorch file without running anything it holds.

    Raises:
        CheckpointError: If the file is missing, truncated, or holds code or anything but plain
            tensors of finite values.
    """
    _require_file(path)
    try:
        with warnings.catch_warnings():  # of a file that is refused anyway, beside the refusal
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"{path} holds more than tensors, or is not whole; nothing in it was run: "
            "fetch it again, or save its state dict alone: torch.save(model.state_dict(), FILE)"
        )
        raise CheckpointError(msg) from error
    except _DAMAGED as error:
        msg = f"{path} is no whole PyTorch file ({_first_line(error)}); fetch it again"
        raise CheckpointError(msg) from error
    if not isinstance(content, Mapping) or not content:
        msg = f"{path} holds a {type(content).__name__}, not a state dict of named tensors"
        raise CheckpointError(msg)
    tensors = {str(key): value for key, value in content.items()}
    _require_plain(path, tensors)
    require_finite(path, tensors)
    return tensors


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file whole or not at all; the same content gives the same bytes.

    Raises:
        CheckpointError: If the disk refuses it.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_serialised(tensors, metadata))
        os.replace(partial, path)  # noqa: PTH105  the pair with the unlink below reads as one
    except (OSError, safetensors.SafetensorError) as error:
        msg = f"could not write {path} ({_first_line(error)}); free some space or choose another"
        raise CheckpointError(msg) from error
    finally:
        if partial.exists():  # unlink(missing_ok=True) fails where the folder is a file
            partial.unlink()


def require_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that hold NaN or infinity, or a number that single precision does not.

    Raises:
        CheckpointError: Naming the first few tensors.
    """
    broken = [
        key
        for key, value in tensors.items()
        if value.is_floating_point() and not bool(torch.isfinite(value.float()).all())
    ]
    if broken:
        msg = f"{path} holds values that are not finite in {', '.join(broken[:5])}; train it again"
        raise CheckpointError(msg)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of names, types, shapes and values, whatever file they came in."""
    total = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].detach().contiguous().cpu()
        total.update(f"{key}:{value.dtype}:{tuple(value.shape)};".encode())
        total.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _require_plain(path: Path, content: Mapping[str, object]) -> None:
    strange = [key for key, value in content.items() if not _is_plain(value)]
    if strange:
        msg = (
            f"{path} is no state dict: {', '.join(strange[:5])} hold no plain tensors "
            "(float16, bfloat16, float32, float64 or int64, stored whole); "
            "save the state dict alone: torch.save(model.state_dict(), FILE)"
        )
        raise CheckpointError(msg)


def _is_plain(value: object) -> bool:
    return (
        type(value) in {Tensor, nn.Parameter}
        and isinstance(value, Tensor)  # says the line above to mypy
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.dtype in _DTYPES
        and not value.is_neg()
        # not a few bytes seen as many: a copy of that would take all memory
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def _serialised(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file with a sorted header: the library's order varies."""
    # copies: the format refuses tensors that share memory, as tied weights do
    copies = {key: value.clone().contiguous() for key, value in tensors.items()}
    data = safetensors.torch.save(copies, dict(metadata))
    end = 8 + int.from_bytes(data[:8], "little")  # the header's length, then the header, then data
    header = json.loads(data[8:end])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return data[:8] + text.encode().ljust(end - 8) + data[end:]


def _require_file(path: Path) -> None:
    if not path.is_file():
        msg = f"no weight file {path}; check the path"
        raise MissingCheckpointError(msg)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]
