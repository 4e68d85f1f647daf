"""Run ``pocketmatte`` in a process of its own, watch its memory, and end it early if asked."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tiers.errors import WorkerError

_MIB = 1 << 20
_LOOK_SECONDS = 0.2
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """How a process went.

    Attributes:
        seconds: From its start to its end.
        killed: Whether it was killed before its end.
        peak_mib: Its largest resident memory, as the kernel counted it.
        memory: ``(seconds from the start, resident MiB)`` now and then.
    """

    seconds: float
    killed: bool
    peak_mib: float
    memory: tuple[tuple[float, float], ...]


def watched(
    words: Sequence[str], *, threads: int, kill_after: float | None = None, every: float = 5.0
) -> Watched:
    """Run the command with ``words``; kill it after some seconds, where that is asked for.

    Args:
        words: What stands behind ``pocketmatte`` on the command line.
        threads: Of OpenMP, which PyTorch starts by itself.
        kill_after: Seconds until SIGKILL; ``None`` for never.
        every: Seconds from one look at its memory to the next that is kept.

    Raises:
        WorkerError: If it fails.
    """
    with tempfile.TemporaryFile() as told:  # a pipe that nobody reads would stop the process
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pocketmatte", *words],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        killed, memory = _looked_at(process, begun, kill_after, every)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in ((0, -signal.SIGKILL) if killed else (0,)):
            told.seek(0)
            last = told.read().decode(errors="replace").strip()
            msg = f"pocketmatte {words[0]} ended with {process.returncode}: {last}"
            raise WorkerError(msg)
    return Watched(
        seconds=seconds,
        killed=process.returncode != 0,
        peak_mib=usage.ru_maxrss / 1024,  # Linux counts it in KiB
        memory=tuple(memory),
    )


def _looked_at(
    process: "subprocess.Popen[bytes]", begun: float, kill_after: float | None, every: float
) -> tuple[bool, list[tuple[float, float]]]:
    """Look at a process until it ends; return whether it was killed, and its memory over time."""
    kept: list[tuple[float, float]] = []
    killed = False
    try:
        while not _ended(process):
            after = time.monotonic() - begun
            if (not kept or after - kept[-1][0] >= every) and (mib := _resident_mib(process.pid)):
                kept.append((after, mib))
            if kill_after is not None and after >= kill_after and not killed:
                process.kill()
                killed = True
            time.sleep(_LOOK_SECONDS)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return killed, kept


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    """Say whether a process ended, and leave it to be waited for with what it used."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _resident_mib(number: int) -> float:
    try:
        pages = int(Path(f"/proc/{number}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * _PAGE_BYTES / _MIB
