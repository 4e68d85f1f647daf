"""A long video cut at one go, and cut by runs that are killed and gone on with: equal or not.

    python -m benchmarks.cut_long --minutes 30 --rate 10 --size 192x108
    python -m benchmarks.cut_long --minutes 2 --method propagate --alpha mask --kills 5 --json

The video is made (see ``made_video``). The first run goes through and its memory is looked at all
the time; the second one gets SIGKILL ``--kills`` times, spread over the time that the first one
took, and goes on with ``--resume`` each time. Then every decoded frame of the two is compared.
Exits 1 where a frame differs, or where no run was killed in the middle of its work.
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.made_video import write_first_mask, write_made_video
from benchmarks.watched_process import Watched, watched
from pocketmatte.console import note
from pocketmatte.cut.work import work_path
from pocketmatte.media import open_frames
from tiers.errors import PocketMatteError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    width, height = (int(part) for part in given.size.split("x"))
    count = round(given.minutes * 60 * given.rate)
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        root = Path(folder)
        video = write_made_video(root / "video.mp4", (height, width), count, given.rate)
        mask = write_first_mask(root / "mask.png", (height, width))
        note(f"made {count} frames of {width}x{height}")
        words = _words(given, video, mask)
        try:
            whole = watched([*words, "--out", str(root / "whole.mp4")], threads=given.threads)
            note(f"one run: {whole.seconds:.0f} s, peak {whole.peak_mib:.0f} MiB")
            parts = killed_and_gone_on(
                words, root / "parts.mp4", whole.seconds, given.kills, given.threads
            )
            compared, differing = compare(root / "whole.mp4", root / "parts.mp4")
        except PocketMatteError as error:
            note(str(error))
            return 2
    told = report(whole, parts, count, compared, differing)
    if given.json:
        print(json.dumps({**vars(given), "work": None, **told}, indent=1))  # noqa: T201
    else:
        for name, value in told.items():
            print(f"{name}: {value}")  # noqa: T201
    return 0 if equal(told, given.kills) else 1


def killed_and_gone_on(
    words: Sequence[str], out: Path, seconds: float, kills: int, threads: int
) -> list[Watched]:
    """Cut with runs that are killed, ``kills`` times, and one that goes to the end.

    Args:
        words: Of the command, without ``--out``.
        out: The output.
        seconds: That a whole run takes.
        kills: Every run but the last is killed after its share of that, if it has not ended.
        threads: Of OpenMP.
    """
    runs: list[Watched] = []
    for _ in range(kills):
        share = seconds / (kills + 1)
        again = ["--resume"] * bool(runs)
        runs.append(watched([*words, "--out", str(out), *again], threads=threads, kill_after=share))
        note(f"killed after {runs[-1].seconds:.0f} s; left: {_left(out)}")
        if not runs[-1].killed:
            return runs
    runs.append(watched([*words, "--out", str(out), "--resume"], threads=threads))
    note(f"went on to the end in {runs[-1].seconds:.0f} s")
    return runs


def compare(one: Path, other: Path) -> tuple[int, list[int]]:
    """Compare two videos; return how many frames both have and which of them differ."""
    differing = []
    number = -1
    pairs = itertools.zip_longest(open_frames(one), open_frames(other))
    for number, (first, second) in enumerate(pairs):
        if first is None or second is None or not np.array_equal(first, second):
            differing.append(number)
    return number + 1, differing


def equal(told: Mapping[str, object], kills: int) -> bool:
    """Say whether all frames are the same, and whether as many runs were killed as was wanted."""
    return told["compared"] == told["frames"] and told["differing"] == 0 and told["kills"] == kills


def report(
    whole: Watched, parts: Sequence[Watched], count: int, compared: int, differing: Sequence[int]
) -> dict[str, object]:
    """Return what is told of the runs."""
    memory = [mib for _, mib in whole.memory]
    tenth = max(len(memory) // 10, 1)
    return {
        "frames": count,
        "compared": compared,
        "differing": len(differing),
        "first_differing": differing[0] if differing else None,
        "kills": sum(each.killed for each in parts),
        "seconds_whole": round(whole.seconds, 1),
        "seconds_parts": [round(each.seconds, 1) for each in parts],
        "frames_a_second": round(count / whole.seconds, 1),
        "peak_mib_whole": round(whole.peak_mib),
        "peak_mib_parts": [round(each.peak_mib) for each in parts],
        "peak_mib_by_tenth": [
            round(max(memory[at : at + tenth])) for at in range(0, len(memory), tenth)
        ],
    }


def _words(given: argparse.Namespace, video: Path, mask: Path) -> list[str]:
    words = ["cut", str(video), "--method", given.method, "--tier", given.tier]
    words += ["--threads", str(given.threads)]
    if given.method != "rvm":
        words += ["--mask", str(mask)]
    if given.method == "propagate":
        words += ["--alpha", given.alpha]
    return words


def _left(out: Path) -> str:
    """Say what a killed run left of its work."""
    folder = work_path(out)
    kept = sorted(path.name for path in folder.glob("*.npz")) if folder.is_dir() else []
    return ", ".join(kept) or "nothing"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cut_long",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of the video (30)")
    parser.add_argument("--rate", type=int, default=10, help="frames a second (10)")
    parser.add_argument("--size", default="192x108", help="WIDTHxHEIGHT (192x108)")
    parser.add_argument("--method", default="rvm", choices=("rvm", "propagate", "matanyone"))
    parser.add_argument("--alpha", default="mask", choices=("mask", "stfam"))
    parser.add_argument("--tier", default="t01", help="of all networks (t01)")
    parser.add_argument("--kills", type=int, default=3, help="of the second run (3)")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (1)")
    parser.add_argument("--work", type=Path, help="folder for videos (the system's own)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
