"""Look at training data: ``python -m pocketmatte.training.preview SOURCE --out FOLDER``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.folders import make_folder
from pocketmatte.pictures import UInt8Array, write_image
from pocketmatte.training.composite_videos import CompositeVideos
from pocketmatte.training.folder_videos import FolderVideos
from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.pseudo_videos import PseudoVideos
from pocketmatte.training.stills import StillFolder
from pocketmatte.training.video import Video, VideoSource
from tiers.errors import PocketMatteError, UsageError

# One an object; more objects start over.
_COLOURS = (
    (0.90, 0.10, 0.29),
    (0.24, 0.71, 0.29),
    (1.00, 0.88, 0.10),
    (0.26, 0.39, 0.85),
    (0.96, 0.51, 0.19),
    (0.57, 0.12, 0.71),
    (0.27, 0.94, 0.94),
    (0.94, 0.20, 0.90),
)
_GREEN = (0.0, 0.7, 0.25)
_BEHIND = 0.12
_GAP_PX = 4
_VIDEOS_A_SHEET = 6


def mattes_in_colour(alphas: Tensor) -> Tensor:
    """Show each object's alpha in a colour of its own: ``(T, K, H, W)`` to ``(T, 3, H, W)``."""
    wanted = [_COLOURS[number % len(_COLOURS)] for number in range(alphas.shape[1])]
    shown = torch.einsum("tkhw,kc->tchw", alphas, torch.tensor(wanted, device=alphas.device))
    rest = 1.0 - alphas.sum(1, keepdim=True)
    return (shown + _BEHIND * rest).clamp(0.0, 1.0)


def on_green(video: Video) -> Tensor:
    """Compose a clip's foreground over green: ``(T, 3, H, W)``."""
    green = torch.tensor(_GREEN, device=video.frames.device)[:, None, None]
    return torch.lerp(green.expand_as(video.frames), video.foreground, video.alpha)


def contact_sheet(
    videos: Sequence[Video], cell_height_px: int = 144, columns: int = 2
) -> UInt8Array:
    """Lay clips out: a row each of frames, of mattes, and of composites on green.

    Args:
        videos: Clips of one shape.
        cell_height_px: Height of a frame on the sheet.
        columns: Clips side by side.

    Returns:
        ``(H, W, 3)``.
    """
    blocks = [_block(video, cell_height_px) for video in videos]
    blocks += [torch.ones_like(blocks[0])] * (-len(blocks) % columns)
    lines = [torch.cat(blocks[at : at + columns], -1) for at in range(0, len(blocks), columns)]
    sheet = (torch.cat(lines, -2) * 255.0).round().clamp(0.0, 255.0).byte()
    return np.ascontiguousarray(sheet.permute(1, 2, 0).numpy())


def _block(video: Video, cell_height_px: int) -> Tensor:
    """Three rows of one clip, ``(3, H, W)``, white below and to the right."""
    rows = []
    for frames in (video.frames, mattes_in_colour(video.alphas), on_green(video)):
        height, width = frames.shape[-2:]
        cell = cell_height_px, round(width * cell_height_px / height)
        small = F.interpolate(frames, cell, mode="bilinear", antialias=True)
        rows.append(torch.cat(tuple(F.pad(small, (0, _GAP_PX, 0, _GAP_PX), value=1.0)), -1))
    return F.pad(torch.cat(rows, -2), (0, 3 * _GAP_PX, 0, 3 * _GAP_PX), value=1.0)


def open_source(given: argparse.Namespace) -> VideoSource:
    """The source that a command line asks for.

    Raises:
        UsageError: If it is neither ``objects`` nor a folder of stills or clips.
        MediaError: If a folder lacks what it should hold.
    """
    size_hw: tuple[int, int] = given.size[0], given.size[1]
    common = size_hw, given.length, given.objects, given.seed
    if given.source == "objects":
        return ObjectVideos(*common, pictures=given.pictures)
    folder = Path(given.source)
    if not folder.is_dir():
        msg = f"no source {given.source!r}; give `objects`, or a folder of stills or clips"
        raise UsageError(msg)
    if (folder / "image").is_dir():
        return PseudoVideos(StillFolder(folder), *common, pictures=given.pictures)
    gaps = ((0, given.gap),)
    if given.backgrounds is not None:
        return CompositeVideos(folder, given.backgrounds, *common, gaps=gaps)
    return FolderVideos(folder, *common, gaps=gaps)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pocketmatte.training.preview")
    parser.add_argument(
        "source",
        help="`objects`, or a folder: of stills (image/ with alpha/ or mask/) or of clips"
        " (each with frames/ and alpha/ or masks/)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("--count", type=int, default=12, help="clips to draw (12)")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 256), metavar=("H", "W"))
    parser.add_argument("--length", type=int, default=5, help="frames of a clip (5)")
    parser.add_argument("--objects", type=int, default=2, help="objects of a clip (2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gap", type=int, default=5, help="largest step between frames (5)")
    parser.add_argument("--pictures", type=Path, help="folder of pictures for backgrounds")
    parser.add_argument(
        "--backgrounds", type=Path, help="compose the clips over what is in this folder"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    given = _arguments(arguments)
    torch.set_num_threads(1)
    try:
        _check(given)
        make_folder(given.out)
        source = open_source(given)
        sys.stdout.write(_previewed(source, given.count, given.out))
    except PocketMatteError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _check(given: argparse.Namespace) -> None:
    least = {"count": 1, "length": 1, "objects": 1, "gap": 1, "size": 32}
    for name, limit in least.items():
        value = min(given.size) if name == "size" else getattr(given, name)
        if value < limit:
            msg = f"--{name} is {value}; give at least {limit}"
            raise UsageError(msg)


def _previewed(source: VideoSource, count: int, out_dir: Path) -> str:
    """Write the sheets; returns what to tell."""
    elapsed_s = busy_s = 0.0
    lines = []
    for first in range(0, count, _VIDEOS_A_SHEET):
        clock, processor = time.perf_counter(), time.process_time()
        numbers = range(first, min(first + _VIDEOS_A_SHEET, count))
        videos = [source.video(number) for number in numbers]
        elapsed_s += time.perf_counter() - clock
        busy_s += time.process_time() - processor
        path = out_dir / f"sheet_{first // _VIDEOS_A_SHEET:03}.png"
        write_image(path, contact_sheet(videos))
        lines.append(f"{path}\n")
    rates = f"{count / elapsed_s:.1f} videos/s, {count / busy_s:.1f} a second of processor time"
    return "".join(lines) + f"{rates}\n"


if __name__ == "__main__":
    sys.exit(main())
