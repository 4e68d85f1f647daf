"""How long a part of the matrix takes: cold, unchanged, from the cache, after one row changed.

    python -m benchmarks.build_time --network rvm --tier t01,t02 --recipe fp32,w8a8 --jobs 1,2

Each build is a process of its own. Prints seconds, the ratio to the first cold build and the most
memory of a process; then, of the jobs of the last cold build, what they took beside what
``pocketmatte/farm/estimate.py`` expects of them. "One row changed" deletes the files of the first
tier: what is built again is what a changed row makes out of date.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pocketmatte.console import stdout, table


def built(out: Path, given: argparse.Namespace, jobs: int, *more: str) -> dict[str, Any]:
    """Build in a process of its own; return what it said, with its seconds."""
    words = ["--network", given.network, "--tier", given.tier, "--format", given.format]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pocketmatte", "build", *words, "--recipe", given.recipe,
         "--jobs", str(jobs), "--out", str(out), "--json", *more],
        check=False, stdout=subprocess.PIPE,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the build failed with {done.returncode}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said | {"wall_s": time.perf_counter() - start}


def expectations(out: Path) -> list[tuple[object, ...]]:
    """Return a line for each job: seconds and memory, found and expected."""
    jobs = json.loads((out / "results" / "build.json").read_text(encoding="utf-8"))["jobs"]
    return [
        (
            job["job"], f"{sum(job['stages'].values()):.1f}", f"{job['expected_seconds']:.1f}",
            f"{job['peak_bytes'] / 2**20:.0f}", f"{job['expected_bytes'] / 2**20:.0f}",
        )
        for job in jobs
    ]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Build in every way and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="rvm,scribble")
    parser.add_argument("--tier", default="t01,t02")
    parser.add_argument("--format", default="onnx,coreml,executorch")
    parser.add_argument("--recipe", default="fp32,fp16")
    parser.add_argument("--jobs", default="1,2", help="process counts of cold builds")
    given = parser.parse_args(arguments)
    counts = [int(word) for word in given.jobs.split(",")]
    lines: list[tuple[object, ...]] = []
    first_s = 0.0

    def note(name: str, said: dict[str, Any]) -> None:
        nonlocal first_s
        first_s = first_s or said["wall_s"]
        made = ", ".join(f"{said[key]} {key}" for key in ("built", "cached", "kept"))
        memory = said["peak_memory_bytes"] / 2**30
        lines.append(
            (name, f"{said['wall_s']:.1f}", f"{said['wall_s'] / first_s:.2f}x", f"{memory:.2f}",
             made)
        )  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        cache = str(Path(folder, "cache"))
        for jobs in counts:
            out = Path(folder, f"cold-{jobs}")
            note(f"cold, {jobs} job(s)", built(out, given, jobs, "--cache", f"{cache}-{jobs}"))
        jobs = counts[-1]
        note("unchanged", built(out, given, jobs))
        other = Path(folder, "other")
        note(
            "another bundle, from the cache",
            built(other, given, jobs, "--cache", f"{cache}-{jobs}"),
        )
        for network in given.network.split(","):
            shutil.rmtree(other / network / given.tier.split(",")[0])
        note("one row changed", built(other, given, jobs))
        jobs_of_it = expectations(out)
    stdout.print(table("builds", ("", "s", "x first", "GiB a process", "files"), lines))
    columns = ("job", "s", "s expected", "MiB", "MiB expected")
    stdout.print(table("jobs of the last cold build", columns, jobs_of_it))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
