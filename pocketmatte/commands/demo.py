"""``pocketmatte demo``: the whole way in small, from the ladder to a matted video."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.commands.making import build_
from pocketmatte.commands.matting import matte_
from pocketmatte.commands.proving import bench_, verify_
from pocketmatte.console import note, relative

_TIER = "t04"
_SIZE_HW = (360, 640)
_FRAMES = 60


def demo(
    video: Annotated[
        Path | None, typer.Argument(help="A video of yours; a moving photograph when left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything made.")] = Path("build/demo"),
) -> None:
    """Build t04 in three formats, verify, time it, and matte a moving picture.

    Examples:
        pocketmatte demo

        pocketmatte demo clip.mp4 --out build/mine
    """
    bundle = out / "bundle"
    note(f"1/4  build {_TIER}: ONNX, Core ML, ExecuTorch; fp32, fp16")
    build_(out=bundle, network="rvm", tier_names=_TIER)
    note("2/4  verify against PyTorch")
    verify_(bundle)
    note("3/4  time on this machine")
    bench_(bundle, seconds=5.0)
    source = video if video is not None else _moving_photograph(out / "astronaut.mp4")
    note(f"4/4  matte {relative(source)} with ONNX Runtime")
    matte_(
        source,
        out / "matte",
        tier_name=_TIER,
        runtime="onnxruntime",
        bundle=_landscape(source, bundle),
    )


def _landscape(source: Path, bundle: Path) -> Path | None:
    """Return the demo's bundle where the source is held like it; another is built where not."""
    from pocketmatte.matte import orientation_of
    from pocketmatte.media import open_frames

    return bundle if orientation_of(open_frames(source).size_hw) == "landscape" else None


def _moving_photograph(path: Path) -> Path:
    from pocketmatte.media_write import VideoWriter
    from pocketmatte.pseudo_video import pseudo_video, standard_picture

    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, _SIZE_HW, Fraction(30)) as writer:
        for frame in pseudo_video(standard_picture("astronaut"), _SIZE_HW, _FRAMES, closed=True):
            writer.write(frame)
    return path
