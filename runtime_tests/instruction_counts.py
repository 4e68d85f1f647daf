"""Instructions of a frame of some tiers on an emulated processor, against their budget.

    python -m runtime_tests.instruction_counts
    python -m runtime_tests.instruction_counts --write

Exits with 1 if a count is above its budget by more than 0.1 %, with 2 where nothing can be counted.
"""

import sys
import tempfile
from pathlib import Path

from pocketmatte.cli import run
from pocketmatte.harness.traces import trace_path
from pocketmatte.native.budget import (
    Counts,
    libraries_digest,
    over_budget,
    read_counts_file,
    write_counts_file,
)
from pocketmatte.native.emulation import CPUS, DEFAULT_CPU
from pocketmatte.native.runs import Subject, emulated_run
from pocketmatte.runtimes.arm64 import ARM_RUNNER
from tiers.errors import BundleError, PocketMatteError

BUDGET = Path("docs", "instructions.json")
ROWS = (("rvm", "t01"), ("scribble", "t01"), ("propagation", "t01"))
RECIPE = "fp32"


def counted(runner: Path, scratch: Path) -> Counts:
    """Build the rows, and count a frame of each."""
    frames = {}
    for network, name in ROWS:
        bundle = scratch / network
        part = ["--network", network, "--tier", name, "--format", "executorch", "--recipe", RECIPE]
        for words in (["build", *part, "--out", str(bundle)], ["trace", str(bundle)]):
            if run(words):
                msg = f"pocketmatte {' '.join(words)} failed"
                raise BundleError(msg)
        subject = Subject(
            bundle=bundle, network=network, tier=name, orientation="landscape", recipe=RECIPE,
            trace=bundle / trace_path(network, name, "landscape"),
        )  # fmt: skip
        result = emulated_run(runner, CPUS[DEFAULT_CPU], subject)
        if result.status != "ok" or result.instructions_per_frame is None:
            msg = f"{network} {name} was not counted: {result.status} {' '.join(result.errors)}"
            raise BundleError(msg)
        frames[f"{network}/{name}/{RECIPE}"] = result.instructions_per_frame
    return Counts(processor=DEFAULT_CPU, libraries=libraries_digest(runner), frames=frames)


def main(arguments: list[str]) -> int:
    """Count, and hold the counts to the budget or write it anew."""
    if arguments not in ([], ["--write"]):
        sys.stderr.write(f"no {' '.join(arguments)}; there is --write\n")
        return 2
    try:
        with tempfile.TemporaryDirectory() as scratch:
            found = counted(ARM_RUNNER, Path(scratch))
        if arguments:
            write_counts_file(BUDGET, found)
        kept = read_counts_file(BUDGET)
    except PocketMatteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for name, count in found.frames.items():
        sys.stdout.write(f"{name}: {count} instructions on {found.processor}\n")
    if (kept.libraries, kept.processor) != (found.libraries, found.processor):
        sys.stderr.write("the budget is of other libraries; write it with --write\n")
        return 2
    lines = over_budget(found.frames, kept.frames)
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
