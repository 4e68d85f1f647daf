"""Time every file of bundles on this machine, for the cost model to be fitted to.

    python -m benchmarks.cost_times build/bundle more/bundle --out times.json
    python -m benchmarks.cost_times build/bundle --out times.json --passes 6 --rounds 12

All files of a network's tier take turns, and all tiers are gone through several times: what else
the machine does hits every file alike, and the fastest sample of minutes apart is kept. A file that
is timed again keeps the less of both. With one thread it is that thread's time on the processor:
what else runs takes turns with it, and its turns do not count. Written whole after every tier, so a
run that is stopped loses no more than one.
"""

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.cost_file import Times, read_times, write_times
from export.artifact import inside
from export.manifest import Artifact, read_manifest
from pocketmatte.cost_model.work_table import name_of, work_table
from pocketmatte.groups import runtime_of, same_tier
from pocketmatte.host import pinned
from pocketmatte.integrity import fault
from pocketmatte.runtimes.protocol import Session
from tiers.contract_table import contracts
from tiers.errors import BundleError, PocketMatteError
from tiers.example_inputs import example_inputs
from tiers.ladder import tier as tier_of

FORMATS = ("onnx", "executorch")


def main(arguments: list[str] | None = None) -> int:
    """Time, pass after pass."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)  # of the casts around ExecuTorch, which wait in a spin
    try:
        times = read_times(given.out) or Times(peaks=peaks())
        for done in range(given.passes):
            for root in given.bundles:
                _pass(root, given, times)
            sys.stderr.write(f"pass {done + 1} of {given.passes}\n")
    except PocketMatteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def peaks(side: int = 1024, count: int = 2**25) -> dict[str, float]:
    """Return what one thread reaches at best: arithmetic and copying, the fastest of many turns.

    Args:
        side: Of the matrices that are multiplied.
        count: Of numbers of four bytes that are copied.
    """
    left = right = np.ones((side, side), np.float32)
    source, target = np.ones(count, np.float32), np.empty(count, np.float32)
    product_s = _fastest_s(lambda: torch.mm(torch.from_numpy(left), torch.from_numpy(right)))
    copy_s = _fastest_s(lambda: np.copyto(target, source))
    return {
        "gflops": round(2 * side**3 / product_s / 1e9, 1),
        "gigabytes_per_second": round(2 * source.nbytes / copy_s / 1e9, 1),
    }


def _fastest_s(call: Callable[[], object], turns: int = 40) -> float:
    fastest = math.inf
    for _ in range(turns):
        start = time.thread_time()
        call()
        fastest = min(fastest, time.thread_time() - start)
    return fastest


def _pass(root: Path, given: argparse.Namespace, times: Times) -> None:
    manifest = read_manifest(root)
    asked = [each for each in manifest.artifacts if each.format in FORMATS]
    for entries in same_tier(asked):
        for entry in entries:
            if reason := fault(root, entry):
                msg = f"{entry.path}: {reason}"
                raise BundleError(msg)
        for program in dict.fromkeys(entry.program for entry in entries):
            own = [entry for entry in entries if entry.program == program]
            for entry, samples_ms in _timed(root, own, given):
                _keep(times, entry, given.threads, samples_ms)
            name = name_of(entries[0].network, entries[0].tier, program)
            times.note_works(name, work_table()[name])
        write_times(given.out, times)


def _timed(
    root: Path, entries: list[Artifact], given: argparse.Namespace
) -> Iterator[tuple[Artifact, list[float]]]:
    first = entries[0]
    spec = tier_of(first.network, first.tier).oriented(first.frame.orientation)
    contract = next(each for each in contracts(spec) if each.name == first.program)
    values = zip(contract.inputs, example_inputs(contract), strict=True)
    inputs = {tensor.name: value.numpy() for tensor, value in values}
    with contextlib.ExitStack() as stack:
        sessions: list[Session] = []
        for entry in entries:
            path = inside(root, entry.path)
            session = runtime_of(entry).load(path, contract, threads=given.threads)
            stack.callback(session.close)
            sessions.append(session)
        samples: list[list[float]] = [[] for _ in entries]
        clock = time.thread_time if given.threads == 1 else time.perf_counter
        with pinned(given.threads):
            for session in sessions:
                session.run(inputs)
            stop = time.perf_counter() + given.seconds
            for done in range(given.rounds):
                if done >= given.least and time.perf_counter() > stop:
                    break
                for session, found in zip(sessions, samples, strict=True):
                    start = clock()
                    session.run(inputs)
                    found.append((clock() - start) * 1e3)
        yield from zip(entries, samples, strict=True)


def _keep(times: Times, entry: Artifact, threads: int, samples_ms: list[float]) -> None:
    row = times.rows.setdefault(
        f"{entry.sha256} {threads}",
        {
            "network": entry.network, "tier": entry.tier, "program": entry.program,
            "format": entry.format, "recipe": entry.recipe, "threads": threads,
            "sha256": entry.sha256, "samples": 0, "min_ms": samples_ms[0], "shares": {},
        },
    )  # fmt: skip
    row["samples"] += len(samples_ms)
    row["min_ms"] = round(min(row["min_ms"], *samples_ms), 4)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", nargs="+", type=Path, help="folders that build wrote")
    parser.add_argument("--out", type=Path, required=True, help="file of times, added to")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--passes", type=int, default=4, help="how often all is gone through")
    parser.add_argument("--rounds", type=int, default=15, help="turns of a file in a pass, at most")
    parser.add_argument("--least", type=int, default=3, help="turns however long they take")
    parser.add_argument("--seconds", type=float, default=3.0, help="after which no turn begins")
    return parser


if __name__ == "__main__":
    sys.exit(main())
