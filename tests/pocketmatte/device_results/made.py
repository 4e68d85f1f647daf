"""Results of phones that were never there: samples of a known spread, files in folders."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.device_results.reading import Kept, parsed
from pocketmatte.harness.statistics import statistics
from tests.pocketmatte.harness.results import good_result

Change = Callable[[dict[str, Any]], object]
FRAME_NS = 5_000_000


def samples(
    seed: int, count: int = 60, scale: float = 1.0, spread: float = 0.05, alike: float = 0.0
) -> list[int]:
    """Return frame times of 5 ms times ``scale``, log-normal, each like the one before."""
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, spread, count)
    for i in range(1, count if alike else 0):
        steps[i] = alike * steps[i - 1] + np.sqrt(1 - alike**2) * steps[i]
    return [int(each) for each in FRAME_NS * scale * np.exp(steps)]


def timed(result: dict[str, Any], taken: Sequence[int]) -> None:
    """Give a result these samples, and what follows from them."""
    ms = dataclasses.asdict(statistics([each / 1e6 for each in taken]))
    result["latency"][0].update(samples_ns=list(taken), ms=ms)
    result["plan"]["runs"] = len(taken)


def made(run: str = "one", taken: Sequence[int] | None = None, *changes: Change) -> dict[str, Any]:
    """Return a result of a run, changed."""
    result = copy.deepcopy(good_result())
    result["run_id"] = run
    timed(result, samples(7) if taken is None else taken)
    result["memory"] = {"peak_bytes": 100_000_000, "method": "VmHWM"}
    for change in changes:
        change(result)
    return result


def emulated(run: str = "one", instructions: int = 1_000_000, *changes: Change) -> dict[str, Any]:
    """Return a result of an emulated processor."""

    def as_emulated(result: dict[str, Any]) -> None:
        result["execution"]["process"] = "emulated"
        result["device"].update(platform="linux", model=None, manufacturer=None)
        result["validity"].update(physical_device=False, latency_valid=False)
        result.update(instructions_per_frame=instructions, memory=None)

    return made(run, None, as_emulated, *changes)


def kept(result: dict[str, Any]) -> Kept:
    """Return a result as a store keeps it."""
    return parsed(json.dumps(result).encode())


def written(path: Path, result: object) -> Path:
    """Write a result to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result))
    return path


def tree(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: hashes by names."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
