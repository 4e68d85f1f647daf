"""ExecuTorch and ONNX Runtime as built for 64-bit Arm, on an emulated processor.

What they compute counts; how long it takes does not.
"""

import platform
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pocketmatte.native.arm_python import PYTHON_FOLDER, onnx_server, read_arm_python
from pocketmatte.native.building import read_runner
from pocketmatte.native.emulation import CPUS, Cpu, emulated
from pocketmatte.native.served import ServedSession
from pocketmatte.native.tools import unemulatable
from pocketmatte.runtimes.checks import check_file, checked_threads
from pocketmatte.runtimes.protocol import Runtime
from tiers.contract import ProgramContract
from tiers.errors import RuntimeUnavailableError

BUILT = Path("build", "native")  # where ``pocketmatte runner`` puts what it builds
_RUNNER = BUILT / "linux-aarch64"
_OWN_RUNNER = BUILT / f"linux-{platform.machine()}"


class Arm64ExecuTorch:
    """See ``protocol.Runtime``: the native runner on an emulated processor.

    Args:
        cpu: The processor.
        folder: Of the runner.
    """

    def __init__(self, cpu: Cpu, folder: Path = _RUNNER) -> None:
        self.name = f"arm64:{cpu.name}"
        self._cpu, self._folder = cpu, folder

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or ``None``."""
        if reason := unemulatable():
            return reason
        try:
            read_runner(self._folder)
        except RuntimeUnavailableError as error:
            return str(error)
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> ServedSession:
        """Load a ``.pte`` file; see ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        start = emulated(self._folder, self._cpu)
        served = [
            "serve",
            "--file",
            str(path.absolute()),
            "--threads",
            str(checked_threads(threads)),
        ]
        facts = _facts(self.name, threads)
        return ServedSession([*start, *served], self._folder, path, contract, facts)


class Arm64OnnxRuntime:
    """See ``protocol.Runtime``: ONNX Runtime's wheel under a Python of 64-bit Arm.

    Args:
        cpu: The processor.
        folder: Of the Python.
    """

    def __init__(self, cpu: Cpu, folder: Path = BUILT / PYTHON_FOLDER) -> None:
        self.name = f"arm64-onnx:{cpu.name}"
        self._cpu, self._folder = cpu, folder

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or ``None``."""
        if reason := unemulatable():
            return reason
        try:
            read_arm_python(self._folder)
        except RuntimeUnavailableError as error:
            return str(error)
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> ServedSession:
        """Load an ``.onnx`` file; see ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        command = onnx_server(self._folder, self._cpu, path.absolute(), checked_threads(threads))
        facts = _facts(self.name, threads)
        return ServedSession(command, self._folder, path, contract, facts)


class NativeExecuTorch:
    """See ``protocol.Runtime``: the native runner on this machine's own processor.

    Args:
        folder: Of the runner.
    """

    name = "native"

    def __init__(self, folder: Path = _OWN_RUNNER) -> None:
        self.folder = folder

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or ``None``."""
        try:
            read_runner(self.folder)
        except RuntimeUnavailableError as error:
            return str(error)
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> ServedSession:
        """Load a ``.pte`` file; see ``protocol.Runtime``."""
        described = read_runner(self.folder)
        check_file(path)
        served = [
            "serve",
            "--file",
            str(path.absolute()),
            "--threads",
            str(checked_threads(threads)),
        ]
        facts = _facts(self.name, threads)
        return ServedSession([*described.command, *served], self.folder, path, contract, facts)


def _facts(name: str, threads: int) -> dict[str, str | int]:
    return {"runtime": name, "threads_requested": threads, "threads": threads}


# What ``verify --runtime`` takes, and which runtime each format then has.
FOREIGN: Mapping[str, Mapping[str, Runtime]] = MappingProxyType(
    {
        "native": {"executorch": NativeExecuTorch()},
        **{
            f"arm64:{name}": {"executorch": Arm64ExecuTorch(cpu), "onnx": Arm64OnnxRuntime(cpu)}
            for name, cpu in CPUS.items()
        },
    }
)
