"""How long a file takes to make and to prove, as the tier grows.

    python -m benchmarks.making_time --network rvm --tier t01,t04,t08,t12 --recipe fp32,w8a8

Builds each tier in a bundle of its own with one job, then verifies it. Prints the seconds of each
stage for a file of that format (the search of an eight-bit recipe stands once a tier), and of
``verify`` for each file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from pocketmatte.console import stdout, table
from tiers.errors import PocketMatteError

STAGES = ("search", "capture", "onnx", "coreml", "executorch")


def called(*words: str) -> float:
    """Run a command of ours; return its seconds.

    Raises:
        PocketMatteError: If it could not do its work; files that fail a check are no reason.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pocketmatte", *words, "--json"],
        check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        msg = f"pocketmatte {words[0]} ended with {done.returncode}"
        raise PocketMatteError(msg)
    return time.perf_counter() - start


def made(root: Path, given: argparse.Namespace, tier: str, recipe: str) -> tuple[object, ...]:
    """Build and verify one tier in one recipe; return the line of the table."""
    called(
        "build", "--network", given.network, "--tier", tier, "--format", given.format,
        "--recipe", recipe, "--jobs", "1", "--out", str(root),
    )  # fmt: skip
    jobs = json.loads((root / "results" / "build.json").read_text(encoding="utf-8"))["jobs"]
    files = len(json.loads((root / "manifest.json").read_text(encoding="utf-8"))["artifacts"])
    seconds: dict[str, float] = defaultdict(float)
    for job in jobs:
        for stage, taken in job["stages"].items():
            seconds[stage] += taken
    programs = sum(1 for job in jobs if "capture" in job["stages"])
    each = [
        f"{seconds[stage] / (1 if stage == 'search' else programs):.1f}"
        if stage in seconds
        else None
        for stage in STAGES
    ]
    verified = called("verify", str(root), "--jobs", "1") / files
    return (f"{tier} {recipe}", *each, f"{verified:.1f}", files)


def main(arguments: list[str]) -> int:
    """Build, verify and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="rvm")
    parser.add_argument("--tier", default="t01,t04,t08,t12")
    parser.add_argument("--format", default="onnx,coreml,executorch")
    parser.add_argument("--recipe", default="fp32,w8a8")
    given = parser.parse_args(arguments)
    lines = []
    try:
        for tier in given.tier.split(","):
            for recipe in given.recipe.split(","):
                with tempfile.TemporaryDirectory() as folder:
                    lines.append(made(Path(folder, "bundle"), given, tier, recipe))
    except PocketMatteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    columns = ("", *STAGES, "verify", "files")
    stdout.print(table(f"{given.network}: seconds a file", columns, lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
