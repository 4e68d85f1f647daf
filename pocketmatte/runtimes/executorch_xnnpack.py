"""ExecuTorch programs on the host, through the XNNPACK delegate."""

import contextlib
import importlib.util
import io
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

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
    from executorch.runtime import Method, MethodMeta

_DELEGATE = "XnnpackBackend"
_METHOD = "forward"
_IDENTIFIER = b"ET12"  # of an ExecuTorch program, bytes 4 to 8
# ExecuTorch's scalar types, which are numbered as PyTorch's: 5 is half, 6 is float.
_DTYPES = {5: torch.float16, 6: torch.float32}


class ExecuTorchXnnpack:
    """See ``protocol.Runtime``."""

    name = "executorch"

    def unavailable(self) -> str | None:
        """Return why ExecuTorch cannot be used here, or ``None``."""
        if importlib.util.find_spec("executorch") is None:
            return "executorch is not installed; install it with: pip install executorch"
        if importlib.util.find_spec("executorch.extension.pybindings._C") is None:
            return "this executorch has no runtime for Python; install a wheel of it that has"
        return None

    def load(
        self, path: Path, contract: ProgramContract, *, threads: int
    ) -> "ExecuTorchXnnpackSession":
        """Load a ``.pte`` file; see ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        return ExecuTorchXnnpackSession(path, contract, checked_threads(threads))


class ExecuTorchXnnpackSession:
    """See ``protocol.Session``."""

    def __init__(self, path: Path, contract: ProgramContract, threads: int) -> None:
        self._path, self._contract = path, contract
        _set_threads(threads)
        self._method: Method | None = _method(path)
        declared = self._method.metadata
        _check_tensors(path, declared, contract)
        self._dtypes = [
            _DTYPES[declared.input_tensor_meta(index).dtype()]
            for index in range(declared.num_inputs())
        ]
        returned = {
            _DTYPES[declared.output_tensor_meta(index).dtype()]
            for index in range(declared.num_outputs())
        }
        held = {str(dtype).removeprefix("torch.") for dtype in (*self._dtypes, *returned)}
        self._facts: dict[str, str | int] = {
            "runtime": ExecuTorchXnnpack.name,
            "version": _version(),
            "provider": _DELEGATE,
            "dtype": ", ".join(sorted(held)),
            "threads_requested": threads,
            "threads": _threads(),
        }
        _OPEN.add(self)

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        if self._method is None:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        # Contiguous: ExecuTorch takes a channels-last tensor too, and then computes on its raw
        # memory order without a word.
        arrays = checked_inputs(self._contract, inputs).values()
        given = [
            torch.from_numpy(array).to(dtype)
            for array, dtype in zip(arrays, self._dtypes, strict=True)
        ]
        try:
            outputs = self._method.execute(given)
        except RuntimeError as error:
            msg = f"ExecuTorch cannot run {self._path}: {one_line(error)}"
            raise BundleError(msg) from error
        return {
            tensor.name: output.to(torch.float32).numpy()
            for tensor, output in zip(self._contract.outputs, outputs, strict=True)
        }

    def close(self) -> None:
        """Free the method and its program."""
        self._method = None
        _OPEN.discard(self)


# The sessions that hold the process's one thread pool.
_OPEN: "weakref.WeakSet[ExecuTorchXnnpackSession]" = weakref.WeakSet()


def _method(path: Path) -> "Method":
    log = io.StringIO()
    with contextlib.redirect_stderr(log):  # which ExecuTorch's native code follows
        from executorch.runtime import Runtime

        runtime = Runtime.get()
        if not runtime.backend_registry.is_available(_DELEGATE):
            msg = f"this executorch has no {_DELEGATE}; install a wheel of it that has"
            raise RuntimeUnavailableError(msg)
        before = log.tell()
        # ExecuTorch prints the identifier of a file that is none of its own, and the process
        # aborts where those bytes are no text.
        if not _has_identifier(path):
            failure = f"it lacks the identifier {_IDENTIFIER.decode()}"
        else:
            try:
                return runtime.load_program(path).load_method(_METHOD)
            except RuntimeError as error:
                failure = one_line(error)
            except KeyError:
                failure = f"it has no method {_METHOD!r}"
    said = log.getvalue()[before:].partition("\n")[0]  # the reason is only there
    msg = f"ExecuTorch refuses {path}: {f'{failure}: {said}' if said else failure}; build it again"
    raise BundleError(msg)


def _has_identifier(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] == _IDENTIFIER


def _check_tensors(path: Path, declared: "MethodMeta", contract: ProgramContract) -> None:
    """Compare by position: an ExecuTorch program keeps no names of its tensors."""
    counts = (declared.num_inputs(), declared.num_outputs())
    expected = (len(contract.inputs), len(contract.outputs))
    if counts != expected:
        msg = (
            f"{path} holds another program: it has {counts[0]} inputs and {counts[1]} outputs; "
            f"expected {expected[0]} and {expected[1]}"
        )
        raise BundleError(msg)
    inputs = [declared.input_tensor_meta(index) for index in range(counts[0])]
    outputs = [declared.output_tensor_meta(index) for index in range(counts[1])]
    for kind, tensors, metas in (
        ("inputs", contract.inputs, inputs),
        ("outputs", contract.outputs, outputs),
    ):
        shapes = {t.name: tuple(m.sizes()) for t, m in zip(tensors, metas, strict=True)}
        check_declared(path, kind, tensors, shapes)
    named = (*contract.inputs, *contract.outputs)
    for tensor, meta in zip(named, (*inputs, *outputs), strict=True):
        if meta.dtype() not in _DTYPES:
            msg = f"{path}: {tensor.name} has scalar type {meta.dtype()}; expected 5 (half) or 6"
            raise BundleError(msg)


def _set_threads(threads: int) -> None:
    if _threads() == threads:
        return
    if _OPEN:  # a loaded delegate keeps a pointer to the pool, which a reset would free
        msg = (
            f"threads is {threads}, but ExecuTorch's one thread pool has {_threads()} and is in "
            f"use; close the {len(_OPEN)} open sessions first"
        )
        raise ValueError(msg)
    with contextlib.redirect_stderr(io.StringIO()):
        from executorch.extension.pybindings import portable_lib

        portable_lib._unsafe_reset_threadpool(threads)


def _threads() -> int:
    with contextlib.redirect_stderr(io.StringIO()):  # the first call speaks of the processor
        from executorch.extension.pybindings import portable_lib

        return int(portable_lib._threadpool_get_thread_count())


def _version() -> str:
    from executorch import version

    return str(version.__version__)
