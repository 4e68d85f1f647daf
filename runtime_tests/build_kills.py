"""Kill a build with signal 9 at random moments; every restart must end it, and all files must hold.

    python -m runtime_tests.build_kills
    python -m runtime_tests.build_kills --kills 40 --seed 2 --jobs 2

Builds a small row as files and folders in two recipes, over and over: each time it is killed after
a while that is drawn at random from the time that a build takes, started again and run to its end,
and every file is held to the bytes of a build that was left alone. Prints a line a kill; exits with
1 if a restart fails or a byte differs.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from export.artifact import members

PART = ("--network", "scribble", "--tier", "t01", "--format", "onnx,coreml")
RECIPES = ("--recipe", "fp32,w8a8")


def command(out: Path, jobs: int) -> list[str]:
    """Return the command line of the build."""
    words = [*PART, *RECIPES, "--jobs", str(jobs), "--out", str(out)]
    return [sys.executable, "-m", "pocketmatte", "build", *words]


def contents(out: Path) -> dict[str, bytes]:
    """Return what a build made, by path; what it took and its locks are left out."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in members(out)
        if path.relative_to(out).parts[0] != "results" and not path.name.endswith(".lock")
    }


def killed(out: Path, jobs: int, seconds: float) -> bool:
    """Start a build and kill it after so long; return whether it was still at work."""
    process = subprocess.Popen(
        command(out, jobs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()  # workers end by themselves when their parent is gone
        process.wait()
        _wait_for_workers(process.pid)
        return True
    return False


def _wait_for_workers(group: int) -> None:
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)


def main(arguments: list[str]) -> int:
    """Kill, restart and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="how many; default 20")
    parser.add_argument("--seed", type=int, default=1, help="of the moments; default 1")
    parser.add_argument("--jobs", type=int, default=2, help="of the build; default 2")
    given = parser.parse_args(arguments)
    moments = random.Random(given.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        alone, out = Path(folder, "alone"), Path(folder, "out")
        start = time.monotonic()
        if subprocess.run(command(alone, given.jobs), check=False).returncode:
            sys.stderr.write("the build fails when it is left alone\n")
            return 1
        seconds, expected = time.monotonic() - start, contents(alone)
        faults = in_time = 0
        for number in range(1, given.kills + 1):
            shutil.rmtree(out, ignore_errors=True)
            moment = moments.uniform(0, seconds)
            in_time += killed(out, given.jobs, moment)
            left = len(contents(out)) if out.exists() else 0
            again = subprocess.run(
                command(out, given.jobs), stdout=subprocess.DEVNULL, check=False
            ).returncode
            same = not again and contents(out) == expected
            faults += not same
            word = "the same bytes" if same else f"exit {again}, other bytes or files"
            sys.stdout.write(
                f"{number}: killed after {moment:.1f} of {seconds:.1f} s with {left} files; then "
                f"{word}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{given.kills} kills, {in_time} at work, {faults} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
