"""A run on a device that outlives the connection to it.

A shell script does the whole run in a session of its own and leaves everything in files: the
result, what was said, how warm it got. Whoever connects later finds it there.
"""

import dataclasses
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.errors import DeviceError

RESULTS = "results"
SCRIPT = ".sh"
_SIGNALS_FROM = 128  # a shell's code of a program that a signal ended is this and the signal
_MOST_SAID_BYTES = 20_000

# Relative names only: the folder's place is known to the one line that starts this. Every reading
# may fail, of a device that has no such service, and the run goes on.
_HEAD = """\
# a run of pocketmatte bench-android
take() {
  dumpsys thermalservice >"$1.thermal" 2>/dev/null
  dumpsys battery >"$1.battery" 2>/dev/null
  settings get global low_power >"$1.power" 2>/dev/null
  date +%s >"$1.clock"
}
"""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What a job left behind.

    Attributes:
        code: How its program ended.
        out, err: The last that it said.
        has_result: Whether there is a result.
        memory: What the memory pass said; empty where there was none.
        readings: Text by ``before.thermal``, ``after.battery`` and so on.
    """

    code: int
    out: str
    err: str
    has_result: bool
    memory: str
    readings: dict[str, str]

    @property
    def ending(self) -> str:
        """How it ended, in words, with the last line it said."""
        said = [line.strip() for text in (self.out, self.err) for line in text.splitlines()]
        last = next((line for line in reversed(said) if line), "it said nothing")
        if self.code >= _SIGNALS_FROM:
            return f"was killed by signal {self.code - _SIGNALS_FROM}; {last}"
        return f"ended with {self.code}; {last}"


def script_text(run_id: str, words: Sequence[str], after: str) -> str:
    """Return the script of a run.

    Args:
        run_id: Names its files.
        words: The program and what it is given.
        after: A line to run then.
    """
    base = base_of(run_id)
    lines = (
        f"take {base}.before",
        f": >{base}.began",
        f"{shlex.join(words)} >{base}.out 2>{base}.err",
        "code=$?",
        f"take {base}.after",
        after,
        # renamed: a code that is there ends the job
        f"echo $code >{base}.code_partial; mv {base}.code_partial {base}.code",
    )
    return _HEAD + "\n".join(lines) + "\n"


def base_of(run_id: str) -> str:
    """Return where the files of a run lie in its folder, without the ends of their names."""
    return f"{RESULTS}/{run_id}"


def finish_job(adb: Adb, folder: str, run_id: str) -> None:
    """Start a job if it is not at work or done, and wait for its end, across broken connections.

    Raises:
        TransportError: If the connection stays broken.
        DeviceError: If the job is killed or takes too long; it is ended then.
    """
    until = time.monotonic() + adb.patience.run_s
    adb.persist(lambda: _finish(adb, folder, run_id, until))


def _finish(adb: Adb, folder: str, run_id: str, until: float) -> None:
    base = base_of(run_id)
    alive = f'kill -0 "$(cat {base}.pid)" 2>/dev/null'
    state = (
        f"if [ -e {base}.code ]; then echo done; elif {alive}; then echo at work; else echo no; fi"
    )
    found = adb.shell(f"cd {folder}; {state}").out.strip()
    if found == "done":
        return
    watch = f"while [ ! -e {base}.code ] && {alive}; do sleep 1; done"
    if found != "at work":
        # A waiting shell sends nothing and takes no time from the run.
        begin = f"setsid sh {base}{SCRIPT} </dev/null >/dev/null 2>&1 & echo $! >{base}.pid"
        watch = f"rm -f {base}.json; {begin}; wait $!"
    left_s = until - time.monotonic()
    late = f"it took longer than {adb.patience.run_s:g} s; give --timeout more"
    if left_s <= 0:
        end_jobs(adb, folder)
        raise DeviceError(late)
    adb.shell(f"cd {folder}; {watch}", timeout_s=left_s)
    if adb.shell(f"cd {folder}; {state}").out.strip() != "done":
        msg = f"the job of {run_id} was killed on the device; see its log for memory or heat"
        raise DeviceError(msg)


def gather(adb: Adb, folder: str, run_id: str) -> Left:
    """Return what a job that is done left behind."""
    base = f"{folder}/{base_of(run_id)}"
    taken = [
        f"{when}.{what}"
        for when in ("before", "after")
        for what in ("thermal", "battery", "power", "clock")
    ]
    names = ("code", "out", "err", "memory", "memory_err", *taken)
    commands = {name: f"tail -c {_MOST_SAID_BYTES} {base}.{name} 2>/dev/null" for name in names}
    commands["there"] = f"[ -e {base}.json ] && echo yes"
    said = adb.persist(lambda: adb.sections(commands))
    code = said["code"].strip()
    return Left(
        code=int(code) if code.isdecimal() else -1,
        out=said["out"],
        err=said["err"],
        has_result=said["there"].strip() == "yes",
        memory=said["memory"] or said["memory_err"],
        readings={name: said[name] for name in taken},
    )


def end_jobs(adb: Adb, folder: str) -> None:
    """End all that is still at work in a folder, with the processes it started."""
    each = f'for pid in {folder}/{RESULTS}/*.pid; do kill -9 -"$(cat "$pid")"; done 2>/dev/null'
    adb.shell(f"{each}; true")


def forget_failed(adb: Adb, folder: str) -> None:
    """Let jobs that ended without a result be made again."""
    each = '[ -e "${f%.code}.json" ] || rm -f "$f"'
    adb.persist(lambda: adb.shell(f"cd {folder}/{RESULTS} && for f in *.code; do {each}; done"))


def write_scripts(folder: Path, scripts: dict[str, str]) -> list[Path]:
    """Write scripts by the names of their runs, with lines that end as a phone's shell wants."""
    paths = []
    for run_id, text in scripts.items():
        path = folder / f"{run_id}{SCRIPT}"
        path.write_text(text, encoding="utf-8", newline="\n")
        paths.append(path)
    return paths
