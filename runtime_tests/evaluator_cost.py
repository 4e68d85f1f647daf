"""``python -m runtime_tests.evaluator_cost BUNDLE``: what evaluating Core ML files costs.

A benchmark, not a test: it prints milliseconds a step and ratios from one run, and holds nothing
to a limit.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from export.artifact import inside
from pocketmatte.bench import interleaved, ratios, timed_load
from pocketmatte.bundle import read_bundle
from pocketmatte.console import note, stdout, table
from pocketmatte.groups import Group, groups
from pocketmatte.runtimes.coreml_reference import CoreMlReference
from pocketmatte.runtimes.protocol import Session
from pocketmatte.timing import scene_inputs
from tiers.errors import PocketMatteError

_EAGER = "torch"
_HELP = """\
Time the evaluator of ML Programs on the Core ML files of a bundle, beside PyTorch eager.

  pocketmatte build --network rvm --tier t08 --format coreml --recipe fp32,fp16 --out build/cost
  python -m runtime_tests.evaluator_cost build/cost
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime_tests.evaluator_cost",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="folder that pocketmatte build wrote")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="for each file, at most (default: 10)"
    )
    given = parser.parse_args(arguments)
    if given.threads < 1:
        parser.error(f"--threads is {given.threads}; it must be 1 or more")
    try:
        rows = _rows(given.bundle, given.threads, given.seconds)
    except PocketMatteError as error:
        note(str(error))
        return 2
    if not rows:
        note(f"{given.bundle} holds no Core ML file; build one with --format coreml")
        return 2
    columns = ("file", "ms a step", "x torch", "load ms")
    stdout.print(table(f"The evaluator, {given.threads} thread(s)", columns, rows))
    return 0


def _rows(bundle: Path, threads: int, seconds: float) -> list[list[str]]:
    rows = []
    for group in groups(bundle, read_bundle(bundle), threads):
        rows += _of_group(bundle, group, threads, seconds)
    return rows


def _of_group(bundle: Path, group: Group, threads: int, seconds: float) -> list[list[str]]:
    inputs = scene_inputs(group)
    rows = []
    for contract in group.contracts:
        sessions: dict[str, Session] = {_EAGER: group.reference[contract.name]}
        loads = {}
        with contextlib.ExitStack() as stack:
            for entry in group.artifacts:
                if entry.program == contract.name and entry.format == "coreml":
                    path = inside(bundle, entry.path)
                    session, loads[entry.path] = timed_load(
                        CoreMlReference(), path, contract, threads=threads
                    )
                    sessions[entry.path] = session
                    stack.callback(session.close)
            if len(sessions) == 1:
                continue
            found = interleaved(
                sessions, contract, inputs[contract.name], warmups=1, seconds=seconds
            )
            for name, ratio in ratios(found, _EAGER).items():
                load = f"{loads[name]:.0f}" if name in loads else "-"
                rows.append([name, f"{found[name].p50_ms:.1f}", f"{ratio:.2f}", load])
    return rows


if __name__ == "__main__":
    sys.exit(main())
