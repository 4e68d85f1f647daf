"""Sessions of the native runner: a process of its own that is given inputs and gives outputs."""

import contextlib
import json
import struct
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from pocketmatte.runtimes.checks import check_declared, checked_inputs
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import BundleError, RuntimeUnavailableError

_END_SECONDS = 5  # that the process may take to end by itself
_PATIENCE_SECONDS = 3600  # for one answer; an emulator takes minutes for a large frame
_TAIL = 400  # characters of what it complained of last


class ServedSession:
    """See ``protocol.Session``: one file in a runner that was started with ``serve``.

    Args:
        command: Starts it.
        folder: That it is started from.
        path: Of the file, for messages.
        contract: What the file must hold.
        facts: What is known of how it runs, beside what the runner says itself.

    Raises:
        RuntimeUnavailableError: If the runner cannot be started.
        BundleError: If the runner refuses the file, or it holds another program.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        path: Path,
        contract: ProgramContract,
        facts: Mapping[str, str | int],
    ) -> None:
        self._path, self._contract = path, contract
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                list(command), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self._complaints,
            )  # fmt: skip
        except OSError as error:
            self._complaints.close()
            msg = f"{command[0]} cannot be started ({error.strerror}); build the runner again"
            raise RuntimeUnavailableError(msg) from error
        try:
            declared = self._declared()
            _check(path, "inputs", contract.inputs, declared["inputs"])
            _check(path, "outputs", contract.outputs, declared["outputs"])
        except BaseException:
            self.close()
            raise
        self._facts = {
            **facts,
            "version": str(declared["version"]),
            "provider": str(declared["delegate"]),
            "dtype": str(declared["dtype"]),
        }

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        to, back = self._pipes()
        try:
            for array in checked_inputs(self._contract, inputs).values():
                to.write(array.astype("<f4", copy=False).tobytes())
            to.flush()
            failed = self._read(back, 1) != b"\0"
            if failed:
                (length,) = struct.unpack("<I", self._read(back, 4))
                raise BundleError(self._read(back, length).decode("utf-8", "replace"))
            return {tensor.name: self._tensor(back, tensor) for tensor in self._contract.outputs}
        except BrokenPipeError as error:
            raise self._ended() from error

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()

    def _declared(self) -> dict[str, Any]:
        _, back = self._pipes()
        line = back.readline()
        try:
            declared = json.loads(line)
        except ValueError:
            raise self._ended() from None
        if "error" in declared:
            msg = f"{declared['error']}; build it again"
            raise BundleError(msg)
        found: dict[str, Any] = declared
        return found

    def _tensor(self, back: IO[bytes], tensor: TensorSpec) -> FloatArray:
        size = int(np.prod(tensor.shape)) * 4
        values = np.frombuffer(self._read(back, size), dtype="<f4")
        return values.reshape(tensor.shape).astype(np.float32)

    def _read(self, back: IO[bytes], size: int) -> bytes:
        alarm = threading.Timer(_PATIENCE_SECONDS, self._process.kill)  # of a runner that hangs
        alarm.start()
        try:
            data = back.read(size)
        finally:
            alarm.cancel()
        if len(data) < size:
            raise self._ended()
        return data

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None or self._complaints.closed:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        return self._process.stdin, self._process.stdout

    def _ended(self) -> BundleError:
        """Return what is to be said of a process that ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._complaints.seek(0)
        said = self._complaints.read().decode("utf-8", "replace").strip()[-_TAIL:]
        last = said.splitlines()[-1] if said else "it said nothing"
        code = self._process.returncode
        return BundleError(f"the runner of {self._path} ended with {code}: {last}")


def _check(
    path: Path, kind: str, expected: Sequence[TensorSpec], shapes: Sequence[Sequence[int]]
) -> None:
    """Compare by position: an ExecuTorch file keeps no names."""
    if len(shapes) != len(expected):
        msg = f"{path} holds another program: it has {len(shapes)} {kind}, not {len(expected)}"
        raise BundleError(msg)
    named = {t.name: tuple(shape) for t, shape in zip(expected, shapes, strict=True)}
    check_declared(path, kind, expected, named)
