"""The native runner, and the runtimes as built for 64-bit Arm, on an emulated processor.

What is emulated counts for what it computes, and not for how long it takes.
"""

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pocketmatte.native.arm_python import PYTHON_FOLDER, onnx_server, read_arm_python
from pocketmatte.native.building import read_runner
from pocketmatte.native.emulation import CPUS, Cpu, emulated
from pocketmatte.native.served import ServedSession
from pocketmatte.runtimes.checks import check_file, checked_threads
from pocketmatte.runtimes.protocol import Runtime
from tiers.contract import ProgramContract
from tiers.errors import RuntimeUnavailableError

BUILT = Path("build", "native")  # where ``pocketmatte runner`` puts what it builds
ARM_RUNNER = BUILT / "linux-aarch64"
OWN_RUNNER = BUILT / f"linux-{platform.machine()}"


class ServedRuntime:
    """See ``protocol.Runtime``: files that another program runs, see ``ServedSession``.

    Args:
        name: Of the runtime.
        folder: That the program is started from.
        check: Raises ``RuntimeUnavailableError`` where the folder does not hold the program.
        command: Makes the command line that serves a file with so many threads.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        check: Callable[[Path], object],
        command: Callable[[Path, int], list[str]],
    ) -> None:
        self.name = name
        self._folder, self._check, self._command = folder, check, command

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or ``None``."""
        try:
            self._check(self._folder)
        except RuntimeUnavailableError as error:
            return str(error)
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> ServedSession:
        """Load a file; see ``protocol.Runtime``."""
        self._check(self._folder)
        check_file(path)
        command = self._command(path.absolute(), checked_threads(threads))
        facts: dict[str, str | int] = {
            "runtime": self.name,
            "threads_requested": threads,
            "threads": threads,
        }
        return ServedSession(command, self._folder, path, contract, facts)


def native_executorch(folder: Path = OWN_RUNNER) -> ServedRuntime:
    """Return the native runner on this machine's own processor, for ``.pte`` files."""

    def command(path: Path, threads: int) -> list[str]:
        return [*read_runner(folder).command, *_served(path, threads)]

    return ServedRuntime("native", folder, read_runner, command)


def arm64_executorch(cpu: Cpu, folder: Path = ARM_RUNNER) -> ServedRuntime:
    """Return the native runner on an emulated processor, for ``.pte`` files."""

    def command(path: Path, threads: int) -> list[str]:
        return [*emulated(folder, cpu), *_served(path, threads)]

    return ServedRuntime(f"arm64:{cpu.name}", folder, lambda held: emulated(held, cpu), command)


def arm64_onnxruntime(cpu: Cpu, folder: Path = BUILT / PYTHON_FOLDER) -> ServedRuntime:
    """Return ONNX Runtime's wheel under a Python of 64-bit Arm, for ``.onnx`` files."""

    def command(path: Path, threads: int) -> list[str]:
        return onnx_server(folder, cpu, path, threads)

    return ServedRuntime(f"arm64-onnx:{cpu.name}", folder, read_arm_python, command)


def _served(path: Path, threads: int) -> list[str]:
    return ["serve", "--file", str(path), "--threads", str(threads)]


# What ``verify --runtime`` takes, and which runtime each format then has.
FOREIGN: Mapping[str, Mapping[str, Runtime]] = MappingProxyType(
    {
        "native": {"executorch": native_executorch()},
        **{
            f"arm64:{name}": {"executorch": arm64_executorch(cpu), "onnx": arm64_onnxruntime(cpu)}
            for name, cpu in CPUS.items()
        },
    }
)
