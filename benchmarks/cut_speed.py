"""Frames a second of ``cut``, the whole way: read, follow, matte, steady, write.

    python -m benchmarks.cut_speed --tier t01,t04 --method propagate,matanyone,rvm
    python -m benchmarks.cut_speed --tier t04 --runtime onnx,executorch --bundle build/bundle

One process and one made video for all; everything is cut once to warm up, with few frames, and then
``--times`` times, of which the best counts. Loading networks and imports is not counted, decoding
and encoding H.264 is. Of every stage: milliseconds a frame.
"""

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from benchmarks.made_video import write_first_mask, write_made_video
from pocketmatte.console import note, stdout, table
from pocketmatte.cut.methods import Method
from pocketmatte.cut.networks import Chosen
from pocketmatte.cut.request import Cut
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.run import cut_out
from tiers.errors import PocketMatteError

# the clock on the wall, or that of this process alone, which others on the machine stretch less
CLOCKS = MappingProxyType({"wall": time.perf_counter, "cpu": time.process_time})
_RATE = 25
_WARM_UP = 6  # frames
_STAGES = ("reading", "following", "matting", "steadying", "writing")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    width, height = (int(part) for part in given.size.split("x"))
    rows: list[tuple[object, ...]] = []
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        short = write_made_video(root / "short.mp4", (height, width), _WARM_UP, _RATE)
        video = write_made_video(root / "video.mp4", (height, width), given.frames, _RATE)
        mask = write_first_mask(root / "mask.png", (height, width))
        for tier in given.tier.split(","):
            for runtime in given.runtime.split(","):
                for method in given.method.split(","):
                    cut = Cut(
                        source=video,
                        out=root / "out.mp4",
                        method=next(each for each in get_args(Method) if each == method),
                        rounds=() if method == "rvm" else (Round(frame=0, mask=mask),),
                        chosen=_chosen(given, tier, runtime),
                    )
                    try:
                        seconds = best_of(cut, short, given.times, CLOCKS[given.clock])
                    except PocketMatteError as error:
                        note(f"{method} {tier} {runtime}: {error}")
                        failed = True
                        continue
                    total = sum(seconds.values())
                    stages = (1e3 * seconds.get(name, 0.0) / given.frames for name in _STAGES)
                    rate = given.frames / total
                    rows.append((method, tier, runtime, round(rate, 1), *(
                        round(each, 1) for each in stages)))  # fmt: skip
                    note(f"{method} {tier} {runtime}: {rate:.1f} frames a second")
    columns = ("method", "tier", "runtime", "frames a second", *(f"{s}, ms" for s in _STAGES))
    if given.json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))  # noqa: T201
    else:
        title = f"{given.frames} frames of {given.size}, {given.threads} thread(s), {given.clock}"
        stdout.print(table(title, columns, rows))
    return 2 if failed else 0


def best_of(cut: Cut, short: Path, times: int, clock: Callable[[], float]) -> dict[str, float]:
    """Return the seconds of every stage, of the run whose sum is the least."""
    timed(dataclasses.replace(cut, source=short), clock)
    runs = [timed(cut, clock) for _ in range(times)]
    return min(runs, key=lambda each: sum(each.values()))


def timed(cut: Cut, clock: Callable[[], float]) -> dict[str, float]:
    """Cut once; return the seconds of every stage by its name."""
    seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def progress(_: int | None, what: str) -> Iterator[Callable[[str], None]]:
        begun = clock()
        yield lambda _: None
        seconds[what] = seconds.get(what, 0.0) + clock() - begun

    cut_out(cut, progress)
    return seconds


def _chosen(given: argparse.Namespace, tier: str, runtime: str) -> Chosen:
    files = runtime != "torch"
    return Chosen(
        tiers={},
        tier=tier,
        weights={},
        bundle=Path(given.bundle.format(tier=tier)) if files and given.bundle else None,
        form=runtime if files else "onnx",
        recipe="fp32",
        threads=given.threads,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cut_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tier", default="t04", help="of all networks; several: t01,t04 (t04)")
    parser.add_argument("--method", default="propagate,matanyone,rvm", help="one or several")
    parser.add_argument("--runtime", default="torch", help="torch, onnx, executorch (torch)")
    parser.add_argument("--bundle", help="of files; may hold {tier}")
    parser.add_argument("--frames", type=int, default=60, help="of the video (60)")
    parser.add_argument("--size", default="640x360", help="WIDTHxHEIGHT (640x360)")
    parser.add_argument("--times", type=int, default=2, help="that each is cut (2)")
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="wall or cpu (wall)")
    parser.add_argument("--threads", type=int, default=1, help="of every runtime (1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
