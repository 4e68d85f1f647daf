"""The most memory that a build holds, all of its processes together. Linux alone.

    python -m benchmarks.build_memory --within 12 -- --network rvm --jobs 2 --out build/rvm

Runs ``pocketmatte build`` with the words after ``--``, looks at its processes every second, and
counts memory that several share once (``Pss`` of ``/proc``). Exits 1 where it held more than
``--within`` GiB, else as the build does.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pocketmatte.console import note, stdout

_GIB = 1 << 30
_SESSION = 3  # of the fields of /proc/PID/stat that follow the name: state, parent, group, session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    if not _pss_bytes(Path("/proc/self")):
        note("memory is counted by /proc/PID/smaps_rollup, which this system has not; use Linux")
        return 2
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pocketmatte", "build", *given.words], start_new_session=True
    )
    most, looks = 0, 0
    try:
        while process.poll() is None:
            most, looks = max(most, held_bytes(process.pid)), looks + 1
            time.sleep(given.every)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise
    seconds = time.monotonic() - begun
    stdout.print(f"at most {most / _GIB:.2f} GiB at once, {looks} looks in {seconds:.0f} s")
    if given.within is not None and most > given.within * _GIB:
        note(f"more than the {given.within:g} GiB of --within; lower --memory-gib or --jobs")
        return 1
    return process.returncode if process.returncode >= 0 else 1


def held_bytes(session: int, proc: Path = Path("/proc")) -> int:
    """Return what the processes of a session hold, shared pages counted once.

    Args:
        session: Number of the process that began it.
        proc: Where the kernel tells of processes.
    """
    return sum(_pss_bytes(path) for path in _of_session(session, proc))


def _of_session(session: int, proc: Path) -> Iterator[Path]:
    for path in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):  # it has ended
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[_SESSION]) == session:
                yield path


def _pss_bytes(process: Path) -> int:
    with contextlib.suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.build_memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--within", type=float, help="GiB that it may hold at most")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from look to look")
    parser.add_argument("words", nargs="+", help="what stands behind pocketmatte build")
    return parser


if __name__ == "__main__":
    sys.exit(main())
