"""How wrong the cost model is about files of this machine that it was not fitted to.

    python -m benchmarks.cost_model_error
    python -m benchmarks.cost_model_error times.json --write

Reads what ``benchmarks.cost_times`` and ``benchmarks.cost_profiles`` measured, by default the file
that is kept beside this one, so that the errors come out the same without timing anything. For
every format and recipe: the median and the 90th percentile of relative errors, of tiers and of
networks that were left out; the median error at the largest tier of a fit to the lower half of the
tiers alone; and how many whole frames lie in an interval that saw neither them nor their network.
``--write`` fits to all of them, and writes the rates that the package ships.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact import write_text
from pocketmatte.console import stdout, table
from pocketmatte.cost_model import rates
from pocketmatte.cost_model.fitting import Timed, fitted, frames_of, interval, leave_out
from pocketmatte.cost_model.rates import HostRates
from pocketmatte.cost_model.work_table import name_of, parse_works
from pocketmatte.results import plain

KEPT = Path(__file__).parent / "data" / "host_times.json"
RATES = Path(rates.__file__).with_name(rates.FILE_NAME)
TIERS_LIMIT, NETWORKS_LIMIT = 0.15, 0.25  # of median relative errors


def main(arguments: list[str] | None = None) -> int:
    """Print the errors; exit with 1 where a limit is not held."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("times", nargs="?", type=Path, default=KEPT)
    parser.add_argument("--write", action="store_true", help="write the rates that are shipped")
    given = parser.parse_args(arguments)
    held = json.loads(given.times.read_text("utf-8"))
    groups = timed_of(held)
    cells, worst = [], [0.0, 0.0]
    for (form, recipe), timed in groups.items():
        tiers = [each.error for each in leave_out(timed, lambda each: each.tier)]
        networks = [each.error for each in leave_out(timed, lambda each: each.network)]
        worst = [max(worst[0], float(np.median(tiers))), max(worst[1], float(np.median(networks)))]
        cells.append(
            (f"{form} {recipe}", len(timed), *_two(tiers), *_two(networks),
             f"{float(np.median(beyond(timed))):.1%}", f"{covered(timed):.0%}")
        )  # fmt: skip
    columns = (
        "file", "rows", "tiers: median", "p90", "networks: median", "p90", "beyond: median",
        "in interval",
    )  # fmt: skip
    stdout.print(table("", columns, cells))
    if given.write:
        write_text(RATES, rates_text(held, groups))
        sys.stderr.write(f"wrote {RATES.name}\n")
    return 0 if worst[0] <= TIERS_LIMIT and worst[1] <= NETWORKS_LIMIT else 1


def timed_of(held: Mapping[str, Any]) -> dict[tuple[str, str], list[Timed]]:
    """Return what was timed with one thread, by format and recipe."""
    works = parse_works(json.dumps(held["works"]).encode(), "the table of work of the times")
    found: dict[tuple[str, str], list[Timed]] = {}
    for values in held["rows"]:
        row = dict(zip(held["columns"], values, strict=True))
        if row["threads"] != 1:
            continue
        program = row["network"], row["tier"], row["program"]
        timed = Timed(
            network=program[0], tier=program[1], program=program[2], works=works[name_of(*program)],
            ms=row["min_ms"], shares=row["shares"],
        )  # fmt: skip
        found.setdefault((row["format"], row["recipe"]), []).append(timed)
    return dict(sorted(found.items()))


def covered(timed: Sequence[Timed]) -> float:
    """Return the share of frames in an interval that saw neither them nor their network."""
    inside = 0
    frames = frames_of(leave_out(timed, lambda each: each.network))
    for network in {each.network for each in timed}:
        others = [each for each in timed if each.network != network]
        low, high = interval(frames_of(leave_out(others, lambda each: each.network)))
        inside += sum(
            low <= ratio <= high for (name, _), ratio in frames.items() if name == network
        )
    return inside / len(frames)


def beyond(timed: Sequence[Timed]) -> list[float]:
    """Return errors at the largest tier, of a fit to the lower half of the tiers alone."""
    tiers = sorted({each.tier for each in timed})
    kept = [each for each in timed if each.tier in (*tiers[: len(tiers) // 2], tiers[-1])]
    left_out = leave_out(kept, lambda each: str(each.tier == tiers[-1]))
    return [each.error for each in left_out if each.timed.tier == tiers[-1]]


def rates_text(held: Mapping[str, Any], groups: Mapping[tuple[str, str], list[Timed]]) -> str:
    """Return the file of rates, of a fit to everything."""
    host = held["host"]
    made = HostRates(
        schema_version=1,
        cpu=host["cpu"],
        runtimes={name: host[name] for name in ("executorch", "onnxruntime")},
        gflops=held["peaks"]["gflops"],
        gigabytes_per_second=held["peaks"]["gigabytes_per_second"],
        fits=tuple(_rounded(fitted(*names, timed)) for names, timed in groups.items()),
    )
    return json.dumps(plain(made), indent=1, sort_keys=True) + "\n"


def _rounded(fit: rates.Fit) -> rates.Fit:
    short = {
        kind: {field: float(f"{rate:.4g}") for field, rate in own.items()}
        for kind, own in fit.rates.items()
    }
    return dataclasses.replace(fit, rates=short, low=round(fit.low, 3), high=round(fit.high, 3))


def _two(errors: Sequence[float]) -> tuple[str, str]:
    return f"{float(np.median(errors)):.1%}", f"{float(np.quantile(errors, 0.9)):.1%}"


if __name__ == "__main__":
    sys.exit(main())
