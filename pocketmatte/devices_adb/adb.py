"""The adb program, asked one thing at a time.

Every call has an end: a device that does not answer is a ``TransportError`` after a while. Text of
a device may be anything, so it is decoded with replacements and its lines end as ours do.
"""

import contextlib
import dataclasses
import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pocketmatte.devices_adb.errors import DeviceError, StoppedError, TransportError
from tiers.errors import RuntimeUnavailableError

_END = "pocketmatte-ended-with:"  # after a shell command's output, so that a cut is seen
_SECTION = "pocketmatte-section:"
_GLANCE_S = 0.2  # how often Ctrl-C is looked for while adb is at work
_PUSH_BYTES_PER_S = 1_000_000  # of a slow cable; USB 2 does thirty times that

# What asking again does not mend, by a word of adb's own, of adbd's, or of errno; and the way out.
# The first that is found counts: errno alone does not tell whose disk it is.
_LASTING = {
    "error: cannot create": "see whether its folder on this computer can be written to",
    "error: cannot write": "free some space on this computer",
    "unauthorized": "unlock the device and allow this computer",
    "insufficient permissions": "let this user reach USB devices, see adb's page on udev",
    "No space left": "free some space on the device",
    "Permission denied": "look at who owns the folder on the device",
    "Read-only file system": "start the device anew",
    "does not exist": "run it again",
    "No such file": "run it again",
    "cannot stat": "build it again",
}

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait, and how often to ask again.

    Attributes:
        step_s: For an answer to anything but a run.
        run_s: For a run, from its start to its result.
        attempts: How often a broken connection is tried, in all.
        first_delay_s: Before the second attempt; it doubles,
        longest_delay_s: up to this.
    """

    step_s: float = 60.0
    run_s: float = 1800.0
    attempts: int = 5
    first_delay_s: float = 0.5
    longest_delay_s: float = 8.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a program printed and how it ended."""

    out: str
    err: str
    code: int


def find_adb(given: Path | None) -> str:
    """Return the adb program: the given one, that of ``ANDROID_HOME``, or that on ``PATH``.

    Raises:
        RuntimeUnavailableError: If there is none.
    """
    home = os.environ.get("ANDROID_HOME")
    places = [Path(home, "platform-tools", "adb")] if home else []
    for place in (given,) if given else places:
        if found := shutil.which(str(place)):
            return found
    if given is None and (found := shutil.which("adb")):
        return found
    where = str(given) if given else "ANDROID_HOME/platform-tools and PATH"
    msg = f"no adb in {where}; install Android's platform-tools, or give --adb"
    raise RuntimeUnavailableError(msg)


class Adb:
    """One device, or where ``serial`` is ``None`` the adb server alone.

    Args:
        program: See ``find_adb``.
        serial: Of the device.
        patience: How long to wait.
        stop: Set to end whatever is at work.
    """

    def __init__(
        self, program: str, serial: str | None, patience: Patience, stop: threading.Event
    ) -> None:
        self._program, self._serial = program, serial
        self.patience, self._stop = patience, stop

    def ask(self, *words: str, timeout_s: float | None = None) -> Said:
        """Run adb once; how it ended is for the caller to judge.

        Raises:
            TransportError: If it does not end in time.
            StoppedError: If Ctrl-C fell.
        """
        limit_s = self.patience.step_s if timeout_s is None else timeout_s
        target = ("-s", self._serial) if self._serial else ()
        process = subprocess.Popen(
            [self._program, *target, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is ours: cleaning up takes adb too
        )
        until = time.monotonic() + limit_s
        while True:
            try:
                out, err = process.communicate(timeout=_GLANCE_S)
                return Said(out=_text(out), err=self._nameless(_text(err)), code=process.returncode)
            except subprocess.TimeoutExpired:
                if self._stop.is_set():
                    _end(process)
                    raise StoppedError from None
                if time.monotonic() > until:
                    _end(process)
                    msg = f"no answer to adb {words[0]} within {limit_s:g} s; look at the device"
                    raise TransportError(msg) from None

    def shell(self, command: str, *, timeout_s: float | None = None) -> Said:
        """Run a command on the device and return what it said, once it ended there.

        Raises:
            TransportError: If the connection broke before it ended.
            DeviceError: If the device refuses this computer.
        """
        wrapped = f"( {command} ); echo {_END}$?"
        said = self.ask("shell", wrapped, timeout_s=timeout_s)
        out, end, code = said.out.rpartition(_END)
        if not end or not code.strip().isdecimal():
            raise self._broken(said)
        return Said(out=out, err=said.err, code=int(code))

    def sections(self, commands: Mapping[str, str]) -> dict[str, str]:
        """Run several commands in one go and return what each printed, by its name."""
        joined = "; ".join(f"echo; echo {_SECTION}{n}; {c}" for n, c in commands.items())
        found = dict.fromkeys(commands, "")
        for part in self.shell(joined).out.split(f"\n{_SECTION}")[1:]:
            name, _, text = part.partition("\n")
            found[name.strip()] = text
        return found

    def push(self, files: Sequence[Path], folder: str) -> None:
        """Copy files into a folder that is there.

        Raises:
            TransportError: If the connection broke.
            DeviceError: If the device cannot take them.
        """
        size = sum(path.stat().st_size for path in files)
        limit_s = self.patience.step_s + size / _PUSH_BYTES_PER_S
        said = self.ask("push", *map(str, files), f"{folder}/", timeout_s=limit_s)
        if said.code:
            raise self._broken(said)

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file from the device, byte for byte.

        Raises:
            TransportError: If the connection broke.
            DeviceError: If there is no such file.
        """
        said = self.ask("pull", remote, str(local))
        if said.code:
            raise self._broken(said)

    def unstoppable(self) -> "Adb":
        """Return the same device for cleaning up: Ctrl-C does not end it."""
        return Adb(self._program, self._serial, self.patience, threading.Event())

    def persist(self, step: Callable[[], _T]) -> _T:
        """Do something until the connection holds; each wait is twice the one before.

        Raises:
            TransportError: Of the last attempt.
        """
        delay_s = self.patience.first_delay_s
        for attempt in itertools.count(1):
            try:
                return step()
            except TransportError:
                if attempt >= self.patience.attempts:
                    raise
            if self._stop.wait(delay_s):
                break
            delay_s = min(2 * delay_s, self.patience.longest_delay_s)
            self._reach_again()
        raise StoppedError

    def _reach_again(self) -> None:
        """Connect anew where that is ours to do: adb itself finds what hangs on a cable again."""
        if self._serial and ":" in self._serial:
            server = Adb(self._program, None, self.patience, self._stop)
            with contextlib.suppress(TransportError):
                server.ask("disconnect", self._serial)
                server.ask("connect", self._serial)

    def _broken(self, said: Said) -> DeviceError:
        lines = [*said.err.splitlines(), *self._nameless(said.out).splitlines()]
        errors = [line for line in lines if "error" in line.lower()] or lines[-1:]
        words = errors[-1].strip() if errors else f"adb ended with {said.code} and said nothing"
        for lasting, way_out in _LASTING.items():
            if lasting in words:
                return DeviceError(f"{words}; {way_out}")
        return TransportError(f"the connection broke ({words}); look at cable and device")

    def _nameless(self, text: str) -> str:
        """Return text without the serial number: it is kept in no file."""
        return text.replace(self._serial, "the device") if self._serial else text


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace").replace("\r\n", "\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
