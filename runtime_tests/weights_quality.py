"""``python -m runtime_tests.weights_quality NETWORK --data FOLDER``: are weights of use?

Measures the rows of a network on the evaluation clips and pictures, each beside what sees nothing,
and says for every row whether it keeps its target and whether it falls behind the row below.
"""

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pocketmatte.console import note, stdout, table
from pocketmatte.evaluate import TierResult, columns, evaluate, prepare, try_tiers
from pocketmatte.protocols.opening import torch_tier
from tiers.errors import PocketMatteError
from tiers.weights import shipped_rows

_HELP = """\
Measure the weights of a network on the evaluation data; exit 1 where a row misses its target.

  python -m runtime_tests.weights_quality propagation --data ../shared/data
  python -m runtime_tests.weights_quality rvm --data ../shared/data --weights build/rvm.safetensors
"""
_ALPHA_CLIPS = "clips/alpha_*"
_MASK_CLIPS = ("clips/davis_*", "clips/xmem2_*")
_PICTURES = ("images/*",)
_FAILED = 2  # exit code where something could not be measured
_SLACK = 0.02  # relative: less is no fall from one row to the next


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What weights of a network are held to.

    Attributes:
        folders: Patterns of folders below the data.
        metric: The value that is judged.
        less_is_better: Whether it is an error.
        baseline: What sees nothing, which it is compared with; ``None`` for a fixed bound.
        factor: An error is to be at most so many times the baseline.
        margin: A score is to be at least so much above the baseline, or above 0.
        limit: Frames or pictures of each folder.
        compared: The error by which a row is compared with the one below it; ``None`` for
            ``metric``.
    """

    folders: tuple[str, ...]
    metric: str
    less_is_better: bool
    baseline: str | None
    factor: float = 1.0
    margin: float = 0.0
    limit: int = 40
    compared: str | None = None

    def bound(self, values: Mapping[str, float]) -> float:
        """Return what the metric is to reach."""
        held = 0.0 if self.baseline is None else values[self.baseline]
        return self.factor * held + self.margin

    def kept(self, values: Mapping[str, float]) -> bool:
        """Say whether it does."""
        reached, bound = values[self.metric], self.bound(values)
        return reached <= bound if self.less_is_better else reached >= bound

    def falls(self, values: Mapping[str, float], below: Mapping[str, float]) -> bool:
        """Say whether a row is worse than the one below it, by more than the slack."""
        name = self.compared or self.metric
        reached, before = values[name], below[name]
        if self.less_is_better:
            return reached > before * (1 + _SLACK)
        return reached < before * (1 - _SLACK)


_HALF_OF_CONSTANT = Aim(
    folders=(_ALPHA_CLIPS,), metric="mad", less_is_better=True, baseline="constant_mad", factor=0.5
)
AIMS: Mapping[str, Aim] = MappingProxyType(
    {
        "rvm": _HALF_OF_CONSTANT,
        # bands are a whole number of pixels wide: of a larger frame they can be a larger share
        "stfam": dataclasses.replace(_HALF_OF_CONSTANT, compared="unknown_mse"),
        "matanyone": _HALF_OF_CONSTANT,
        "trimap": _HALF_OF_CONSTANT,
        "foreground": dataclasses.replace(_HALF_OF_CONSTANT, folders=(*_PICTURES, _ALPHA_CLIPS)),
        "scribble": Aim(
            folders=_PICTURES, metric="iou_3", less_is_better=False, baseline=None, margin=0.75
        ),
        "propagation": Aim(
            folders=_MASK_CLIPS, metric="jf", less_is_better=False, baseline="first_mask_jf",
            margin=0.15,
        ),
        "fusion": Aim(
            folders=_MASK_CLIPS, metric="fused_miou", less_is_better=False, baseline="nearer_miou"
        ),
    }
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime_tests.weights_quality",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("network", choices=AIMS)
    parser.add_argument("--data", type=Path, required=True, help="folder of clips/ and images/")
    parser.add_argument("--weights", type=Path, help="checkpoint (default: the shipped one)")
    parser.add_argument("--tier", help="rows, t01,t02 (default: all that shipped weights reach)")
    parser.add_argument("--limit", type=int, help="frames or pictures of each folder")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument(
        "--markdown", action="store_true", help="print the table as a model card has it"
    )
    given = parser.parse_args(arguments)
    for option in ("limit", "threads"):
        if (value := getattr(given, option)) is not None and value < 1:
            parser.error(f"--{option} is {value}; it must be 1 or more")
    aim = AIMS[given.network]
    names = given.tier.split(",") if given.tier else list(shipped_rows(given.network))
    if not names:
        note(f"no weights of {given.network} are shipped; give --weights and --tier")
        return 2
    folders = sorted(path for each in aim.folders for path in given.data.glob(each))
    if not folders:
        note(f"{given.data} has none of {', '.join(aim.folders)}")
        return 2
    results: list[TierResult] = []
    failed = False
    try:
        clips = prepare(given.network, folders, given.limit or aim.limit)
        opened = functools.partial(torch_tier, weights=given.weights, threads=given.threads)
        try_tiers(given.network, names, clips, opened)
        for name in names:
            results.append(evaluate(given.network, name, clips, opened))
            note(f"measured {name}")
    except PocketMatteError as error:
        note(str(error))
        failed = True
        if not results:
            return _FAILED
    verdicts = judged(aim, results)
    if given.json:
        told = [_told(*each) for each in zip(results, verdicts, strict=True)]
        print(json.dumps({"network": given.network, "rows": told}, indent=2))  # noqa: T201
    else:
        shown = columns(given.network)
        cells = [
            [each.tier, *(f"{each.mean[c.name]:.{c.digits}f}" for c in shown), verdict]
            for each, verdict in zip(results, verdicts, strict=True)
        ]
        titles = ("tier", *(each.title for each in shown), "verdict")
        if given.markdown:
            print(in_markdown(titles, cells))  # noqa: T201
        else:
            stdout.print(table(f"{given.network}, mean of {len(folders)} folders", titles, cells))
    if failed:
        return _FAILED
    return 1 if any("misses" in each for each in verdicts) else 0


def judged(aim: Aim, results: Sequence[TierResult]) -> list[str]:
    """Return a phrase for every row: what it misses, and whether it falls behind the one below."""
    verdicts = []
    for number, result in enumerate(results):
        values = result.mean
        words = [] if aim.kept(values) else [f"misses {aim.bound(values):.4g}"]
        if number and aim.falls(values, results[number - 1].mean):
            words.append(f"falls behind {results[number - 1].tier}")
        verdicts.append(", ".join(words) or "good")
    return verdicts


def in_markdown(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a table whose first and last column are words, and numbers between."""
    rule = ["---", *(["---:"] * (len(titles) - 2)), "---"]
    rows = [titles, rule, *([f"`{first}`", *others] for first, *others in cells)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _told(result: TierResult, verdict: str) -> dict[str, object]:
    return {
        "tier": result.tier,
        "mean": result.told_mean,
        "verdict": verdict,
        "folders": [each.told for each in result.results],
    }


if __name__ == "__main__":
    sys.exit(main())
