"""Core AI assets: on macOS 27 in Core AI itself, elsewhere in the interpreter of ``coreai-core``.

The interpreter runs one operation after the other on one thread. It tells what a file computes, not
how fast a phone is.
"""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.to_coreai import DIGEST, PROGRAM
from pocketmatte.runtimes.checks import (
    check_declared,
    check_file,
    checked_inputs,
    checked_threads,
    one_line,
)
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract
from tiers.errors import BundleError, RuntimeUnavailableError

if TYPE_CHECKING:
    from coreai.runtime import AIModel, InferenceFunction, NDArray

_FUNCTION = "main"
_DTYPES = ("float16", "float32")
_STDERR = 2


class CoreAi:
    """See ``protocol.Runtime``."""

    name = "coreai"

    def unavailable(self) -> str | None:
        """Return why Core AI cannot be used here, or ``None``."""
        if importlib.util.find_spec("coreai") is None:
            return "coreai-core is not installed; install with: pip install 'pocketmatte[coreai]'"
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> "CoreAiSession":
        """Load an ``.aimodel``; Core AI picks its threads itself. See ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        _check_whole(path)
        return CoreAiSession(path, contract, checked_threads(threads))


class CoreAiSession:
    """See ``protocol.Session``."""

    def __init__(self, path: Path, contract: ProgramContract, threads: int) -> None:
        self._path, self._contract = path, contract
        self._open = contextlib.ExitStack()
        self._runner = self._open.enter_context(asyncio.Runner())
        self._function: InferenceFunction | None = None
        try:
            self._function = _function(path, self._model())
            declared = self._function.desc
            inputs = {name: declared.input_descriptor(name) for name in declared.input_names}
            outputs = {name: declared.output_descriptor(name) for name in declared.output_names}
            shapes = {name: tuple(tensor.shape) for name, tensor in inputs.items()}
            check_declared(path, "inputs", contract.inputs, shapes)
            shapes = {name: tuple(tensor.shape) for name, tensor in outputs.items()}
            check_declared(path, "outputs", contract.outputs, shapes)
            self._dtypes = {name: _dtype(path, name, each.dtype) for name, each in inputs.items()}
            returned = {_dtype(path, name, each.dtype) for name, each in outputs.items()}
            self._facts: dict[str, str | int] = {
                "runtime": CoreAi.name,
                "version": importlib.metadata.version("coreai-core"),
                "provider": _provider(),
                "dtype": ", ".join(sorted({*self._dtypes.values(), *returned})),
                "threads_requested": threads,
            }
        except RuntimeError as error:
            self.close()
            msg = f"Core AI refuses {path}: {one_line(error)}; build it again"
            raise BundleError(msg) from error
        except BaseException:  # an interruption too: what was compiled lies in a temporary folder
            self.close()
            raise

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        from coreai.runtime import NDArray

        if self._function is None:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        feed = {
            name: NDArray(array.astype(self._dtypes[name], copy=False))
            for name, array in checked_inputs(self._contract, inputs).items()
        }
        try:
            outputs = self._runner.run(_called(self._function, feed))
        except RuntimeError as error:
            msg = f"Core AI cannot run {self._path}: {one_line(error)}"
            raise BundleError(msg) from error
        return {
            # copied: an array of Core AI shows memory that is its own
            tensor.name: np.array(outputs[tensor.name].numpy(), dtype=np.float32, order="C")
            for tensor in self._contract.outputs
        }

    def close(self) -> None:
        """Free the program and what was compiled from it."""
        self._function = None
        self._open.close()

    def _model(self) -> "AIModel":
        """Compile the asset; what comes of it lies in a temporary folder until ``close``."""
        from coreai.authoring import AIModelAsset

        compiled = contextlib.AsyncExitStack()
        self._open.callback(lambda: self._runner.run(compiled.aclose()))
        asset = AIModelAsset.load(self._path)
        return self._runner.run(compiled.enter_async_context(asset.executable()))


async def _called(
    function: "InferenceFunction", inputs: Mapping[str, "NDArray"]
) -> "dict[str, NDArray]":
    outputs: dict[str, NDArray] = await function(dict(inputs))
    return outputs


def _function(path: Path, model: "AIModel") -> "InferenceFunction":
    if _FUNCTION not in model.function_names:
        listed = ", ".join(model.function_names) or "none"
        msg = f"Core AI refuses {path}: its functions are {listed}, not {_FUNCTION}; build it again"
        raise BundleError(msg)
    with _mute():
        return model.load_function(_FUNCTION)


def _check_whole(path: Path) -> None:
    """Refuse an asset that is not as it was written: reading one, Core AI ends the process.

    Raises:
        BundleError: If a file is missing, or the program is not what its digest says.
    """
    program, digest = path / PROGRAM, path / DIGEST
    reason = None
    if not (program.is_file() and digest.is_file()):
        reason = f"it holds no {PROGRAM} and {DIGEST}"
    elif hashlib.sha256(program.read_bytes()).digest() != digest.read_bytes():
        reason = f"its {PROGRAM} is not the one of its {DIGEST}"
    if reason:
        msg = f"Core AI refuses {path}: {reason}; build it again"
        raise BundleError(msg)


def _dtype(path: Path, name: str, declared: str) -> str:
    if declared not in _DTYPES:
        msg = f"{path}: {name} is {declared}; expected one of {', '.join(_DTYPES)}"
        raise BundleError(msg)
    return declared


def _provider() -> str:
    from coreai.runtime import _use_os_coreai

    return "the system's Core AI" if _use_os_coreai else "interpreter, one thread"


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """Keep a native library's remarks, which pass Python by, off the terminal."""
    kept = os.dup(_STDERR)
    try:
        with Path(os.devnull).open("w") as sink:
            os.dup2(sink.fileno(), _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
