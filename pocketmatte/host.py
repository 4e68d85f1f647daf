"""What a measurement was taken on, and the cores it is held to."""

import contextlib
import os
import platform
import re
import resource
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

_PACKAGES = ("torch", "onnxruntime", "executorch", "coremltools", "numpy")
_OWN_TASKS = Path("/proc/self/task")
_OWN_AND_ENDED = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_CPUINFO = Path("/proc/cpuinfo")
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_MEMINFO = Path("/proc/meminfo")
_SYSCTL = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")  # of macOS
_SECONDS = 5  # that it may take


def host_facts() -> dict[str, str | int]:
    """Return processor, usable cores, operating system, Python and the runtimes' versions."""
    facts: dict[str, str | int] = {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "os": _system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            facts[package] = metadata.version(package)
    return facts


def nameless(reason: str, root: Path) -> str:
    """Return a reason without the bundle's folder and the user's: a report goes to others."""
    folders = {root, root.absolute(), root.resolve()} - {Path(), Path("/")}
    for folder in sorted(map(str, folders), key=len, reverse=True):
        start = "" if folder.startswith("/") else r"(?<![\w./-])"
        reason = re.sub(rf"{start}{re.escape(folder)}/", "", reason)
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", reason) if home != "/" else reason


def peak_memory_bytes() -> int:
    """Return the most memory that this process, or any one that it started and ended, has held."""
    most = max(resource.getrusage(who).ru_maxrss for who in _OWN_AND_ENDED)
    return most if platform.system() == "Darwin" else most * 1024  # Linux counts in KiB


def forget_peak_memory() -> None:
    """Let ``recent_peak_memory_bytes`` count from now on; Linux alone can."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def recent_peak_memory_bytes() -> int:
    """Return the most memory that this process has held since ``forget_peak_memory``.

    0 where the operating system does not tell.
    """
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return int(value.split()[0]) * 1024
    return 0


def available_memory_bytes() -> int | None:
    """Return the memory that new processes can have without swapping, or ``None``."""
    with contextlib.suppress(OSError):
        for line in _MEMINFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    return None


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[tuple[int, ...] | None]:
    """Hold every thread of this process to ``threads`` cores inside the block.

    The highest-numbered allowed cores are taken: interrupts tend to land on the lowest.

    Args:
        threads: Number of cores; all allowed ones if there are fewer.

    Yields:
        The cores, or ``None`` where the operating system has no affinity to set.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield None
        return
    before = _affinities()
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    try:
        for task in before:
            _set_affinity(task, set(cores))
        yield tuple(cores)
    finally:
        allowed = before.get(os.getpid(), set(cores))
        for task in _affinities():
            _set_affinity(task, before.get(task, allowed))


def _affinities() -> dict[int, set[int]]:
    """Return the cores of each thread; a runtime's pool is older than the measurement."""
    affinities = {}
    for task in _OWN_TASKS.iterdir():
        with contextlib.suppress(ProcessLookupError):  # the thread has ended meanwhile
            affinities[int(task.name)] = os.sched_getaffinity(int(task.name))
    return affinities


def _set_affinity(task: int, cores: set[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.sched_setaffinity(task, cores)


def _cpu_model() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return _apple_cpu() or platform.processor() or platform.machine()


def _apple_cpu() -> str:
    """Return the processor's name on macOS, whose ``platform.processor()`` says ``arm`` of all."""
    if platform.system() != "Darwin":
        return ""
    try:
        said = subprocess.run(_SYSCTL, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def _system() -> str:
    """Return the operating system as its users number it: Darwin's own release is another one."""
    if release := platform.mac_ver()[0]:
        return f"macOS {release}"
    return f"{platform.system()} {platform.release()}"
