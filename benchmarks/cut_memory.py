"""The most memory that ``cut`` takes for a short and for a long video: equal or not.

    python -m benchmarks.cut_memory --method propagate --tier t04 --frames 60,1200
    python -m benchmarks.cut_memory --method rvm --size 640x360 --kind .webm

Every length is cut in a process of its own, whose largest resident memory the kernel counts. Exits
1 where the longest takes more than ``--within`` percent more than the shortest.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.made_video import write_first_mask, write_made_video
from benchmarks.watched_process import watched
from pocketmatte.console import note, stdout, table
from tiers.errors import PocketMatteError

_RATE = 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    width, height = (int(part) for part in given.size.split("x"))
    lengths = [int(part) for part in given.frames.split(",")]
    rows = []
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        root = Path(folder)
        mask = write_first_mask(root / "mask.png", (height, width))
        for method in given.method.split(","):
            peaks = []
            for count in lengths:
                video = root / f"{count}.mp4"
                if not video.is_file():
                    write_made_video(video, (height, width), count, _RATE)
                words = ["cut", str(video), "--method", method, "--tier", given.tier]
                words += ["--threads", str(given.threads), "--out", str(root / f"out{given.kind}")]
                words += [] if method == "rvm" else ["--mask", str(mask)]
                try:
                    run = watched(words, threads=given.threads)
                except PocketMatteError as error:
                    note(str(error))
                    return 2
                peaks.append(run.peak_mib)
                note(f"{method}, {count} frames: {run.peak_mib:.0f} MiB, {run.seconds:.0f} s")
            rows.append((method, *(round(peak) for peak in peaks), growth(peaks)))
    columns = ("method", *(f"{count} frames, MiB" for count in lengths), "longest, % more")
    if given.json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))  # noqa: T201
    else:
        stdout.print(table(f"peak memory, {given.tier}, {given.size}", columns, rows))
    return 1 if any(float(row[-1]) > given.within for row in rows) else 0


def growth(peaks: Sequence[float]) -> float:
    """Return by how many percent the last is larger than the first."""
    return round(100 * (peaks[-1] / peaks[0] - 1), 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cut_memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--method", default="propagate", help="one or several: propagate,rvm")
    parser.add_argument("--tier", default="t04", help="of all networks (t04)")
    parser.add_argument("--frames", default="60,1200", help="lengths, the shortest first")
    parser.add_argument("--size", default="320x180", help="WIDTHxHEIGHT (320x180)")
    parser.add_argument("--kind", default=".mp4", help="suffix of the output (.mp4)")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (1)")
    parser.add_argument("--within", type=float, default=10.0, help="percent (10)")
    parser.add_argument("--work", type=Path, help="folder for videos (the system's own)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
