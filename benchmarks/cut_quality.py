"""What ``cut`` reaches on clips with masks, and what each of its steps brings.

    python -m benchmarks.cut_quality --data DATA --tier t04,t08 --frames 16 --out quality.json
    python -m benchmarks.cut_quality --data DATA --tier t04 --variants "as it is,linear fusion"

DATA holds ``clips/NAME/frames`` with ``masks`` or ``alpha``. Two kinds of figures:

- rounds: a scripted user (``pocketmatte evaluate-cut``) on every clip with masks, with the pipeline
  as it is and with one step of it left out or put in another's place; J&F after 1, 3 and 8 rounds.
- flicker: the true mask of the first frame, propagated and matted, with and without each of the two
  steps against flicker: dtSSD and MAD of soft masks on clips with masks, of alphas (by trimap and
  stfam) on clips with alpha; both x 1e2 and x 1e3 as published, at the clip's own size.

Every clip's figures go to ``--out`` when it is done; a run that was stopped goes on from there.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from benchmarks.memory_read import all_or_best, as_built
from export.artifact import write_text
from pocketmatte.console import note, stdout, table
from pocketmatte.cut.composing import smoothed
from pocketmatte.cut.networks import Chosen, Networks
from pocketmatte.cut.request import Cut
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.run import alphas_of
from pocketmatte.cut.work import Work
from pocketmatte.interactive.evaluation import play_clip, prepare
from pocketmatte.interactive.following import Setting
from pocketmatte.interactive.session import Rules
from pocketmatte.matte import orientation_of
from pocketmatte.media import PictureSource
from pocketmatte.metrics import DTSSD_SCALE, MAD_SCALE, dtssd, mad
from pocketmatte.pictures import write_image
from pocketmatte.protocols.data import LabelledClip
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import PocketMatteError

_AS_IT_IS = "as it is"
# name -> what differs from the pipeline as it is: of Setting, of Rules, and of the memory's read
VARIANTS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        _AS_IT_IS: {},
        "linear fusion": {"fusion": "linear"},
        "no fusion": {"fusion": "none"},
        "other read of the memory": {"read": all_or_best},
        "no frame fusion": {"frame_fusion": False},
        "no smoothing": {"smooth": False},
        "true first mask": {"start": "mask"},
        "no frame twice": {"new_frames": True},
        "true masks": {"start": "mask", "correct": "mask", "new_frames": True},
        "true masks without fusion": {
            "start": "mask",
            "correct": "mask",
            "new_frames": True,
            "fusion": "none",
        },
    }
)
_OF_RULES = ("start", "correct", "new_frames")
_ROUNDS_SHOWN = ("jf_1", "jf_3", "jf_8", "mean_over_rounds", "auc", "jf_at_60", "measured_auc")
_ROUNDS_COLUMNS = (
    "tier", "pipeline", "clips", "J&F 1", "J&F 3", "J&F 8", "mean", "AUC", "J&F@60s",
    "AUC measured",
)  # fmt: skip
_FLICKER_COLUMNS = ("tier", "frame fusion", "smoothing", "clips", "dtSSD", "MAD")
_STEPS = tuple((fused, smooth) for fused in (False, True) for smooth in (False, True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for option in ("frames", "clips", "threads"):
        if (value := getattr(given, option)) is not None and value < 1:
            parser.error(f"--{option} is {value}; it must be 1 or more")
    variants = given.variants.split(",") if given.variants else list(VARIANTS)
    if unknown := sorted(set(variants) - set(VARIANTS)):
        note(f"no variant {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
        return 2
    torch.set_num_threads(given.threads)
    results = json.loads(given.out.read_text()) if given.out.is_file() else {}
    try:
        for key, measure in _jobs(given, variants):
            if key not in results:
                results[key] = measure()
                write_text(given.out, json.dumps(results, indent=1) + "\n")
                note(f"measured {key}")
    except PocketMatteError as error:
        note(str(error))
        return 1
    for name, columns, rows in tables(results, given.tier.split(","), variants):
        stdout.print(table(name, columns, rows))
    return 0


def _jobs(given: argparse.Namespace, variants: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield the name of every measurement, and what does it."""
    masks = sorted(path.parent for path in given.data.glob("clips/*/masks"))[: given.clips]
    alphas = sorted(path.parent for path in given.data.glob("clips/*/alpha"))[: given.clips]
    tiers = given.tier.split(",")
    if "rounds" in given.parts:
        clips = prepare(masks, given.frames, Rules())
        for tier in tiers:
            for variant in variants:
                for clip in clips:
                    key = f"rounds/{tier}/{variant}/{clip.clip.name}"
                    yield key, lambda c=clip, t=tier, v=variant: _rounds(c, t, v, given.threads)
    if "flicker" in given.parts:
        for clip in prepare([*masks, *alphas], given.frames, Rules()):
            for tier in tiers:
                key = f"flicker/{tier}/{clip.clip.name}"
                yield key, lambda c=clip, t=tier: _flicker(c, t, given.threads)


def _rounds(clip: LabelledClip, tier: str, variant: str, threads: int) -> dict[str, Any]:
    differs = dict(VARIANTS[variant])
    read = differs.pop("read", as_built)
    of_rules = {name: differs.pop(name) for name in _OF_RULES if name in differs}
    rules = Rules(**of_rules)
    setting = Setting(chosen=_chosen(tier, threads), **differs)
    return dict(play_clip(clip, setting, rules, read).told)


def _flicker(clip: LabelledClip, tier: str, threads: int) -> dict[str, Any]:
    """Return dtSSD and MAD with either step on and off, by ``frame fusion/smooth``."""
    soft = clip.masks is None
    size_hw = clip.clip.size_hw
    true = np.stack([truth for _, truth in clip.clip]) if soft else _hard(clip)
    source = PictureSource(path=clip.clip.path, size_hw=size_hw, pictures=clip.clip.frames)
    made: dict[str, Any] = {"of": "alpha" if soft else "mask"}
    for fused in (False, True):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            first = folder / "first.png"
            write_image(first, np.ascontiguousarray((true[0] >= 0.5).astype(np.uint8) * 255))
            cut = Cut(
                source=source.path,
                out=folder / "out.mov",
                method="propagate",
                rounds=(Round(frame=0, mask=first),),
                chosen=_chosen(tier, threads),
                alpha_of="stfam" if soft else "mask",
                frame_fusion=fused,
            )
            networks = Networks(cut.chosen, orientation_of(size_hw), stack)
            work = Work(folder, resumed=False)
            footage, alphas = alphas_of(cut, source, work, networks, _no_bar)
            for smooth in (False, True):
                found = _stacked(smoothed(alphas, footage.count, smooth=smooth), size_hw)
                made[f"{fused}/{smooth}"] = {
                    "dtssd": float(dtssd(found, true).mean()) * DTSSD_SCALE,
                    "mad": float(mad(found, true).mean()) * MAD_SCALE,
                }
    return made


def _hard(clip: LabelledClip) -> FloatArray:
    return np.stack([masks.any(axis=0) for masks in clip.truths()]).astype(np.float32)


def _stacked(planes: Iterable[FloatArray], size_hw: tuple[int, int]) -> FloatArray:
    return np.stack([resized(plane, size_hw) for plane in planes])


def _chosen(tier: str, threads: int) -> Chosen:
    return Chosen(
        tiers={}, tier=tier, weights={}, bundle=None, form="onnx", recipe="fp32", threads=threads
    )


@contextlib.contextmanager
def _no_bar(_: int | None, __: str) -> Iterator[Any]:
    yield lambda _: None


def tables(
    results: Mapping[str, Any], tiers: Sequence[str], variants: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    """Yield title, columns and rows of what was measured; means over the clips."""
    rows: list[tuple[object, ...]] = []
    for tier in tiers:
        for variant in variants:
            held = _held(results, f"rounds/{tier}/{variant}/")
            if held:
                means = (
                    np.mean([each["metrics"][name] for each in held]) for name in _ROUNDS_SHOWN
                )
                rows.append((tier, variant, len(held), *(f"{value:.3f}" for value in means)))
    yield "rounds", _ROUNDS_COLUMNS, rows
    for kind in ("mask", "alpha"):
        rows = []
        for tier in tiers:
            held = [each for each in _held(results, f"flicker/{tier}/") if each["of"] == kind]
            for fused, smooth in _STEPS if held else ():
                values = [each[f"{fused}/{smooth}"] for each in held]
                means = (np.mean([each[name] for each in values]) for name in ("dtssd", "mad"))
                steps = ("yes" if fused else "no", "yes" if smooth else "no")
                rows.append((tier, *steps, len(held), *(f"{value:.2f}" for value in means)))
        yield f"flicker of {kind}s", _FLICKER_COLUMNS, rows


def _held(results: Mapping[str, Any], start: str) -> list[Any]:
    return [each for key, each in results.items() if key.startswith(start)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cut_quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of clips/")
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is gone on with")
    parser.add_argument("--tier", default="t04", help="of all networks; several: t04,t08 (t04)")
    parser.add_argument("--variants", help=f"of {', '.join(VARIANTS)} (all)")
    parser.add_argument("--parts", default="rounds,flicker", help="rounds, flicker, or both (both)")
    parser.add_argument("--frames", type=int, help="the first so many of each clip (all)")
    parser.add_argument("--clips", type=int, help="the first so many of either kind (all)")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
