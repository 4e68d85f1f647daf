"""``pocketmatte demo``: the whole way in small, from the ladder to a matted video."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.commands.benching import benched
from pocketmatte.commands.building import built
from pocketmatte.commands.matting import matted
from pocketmatte.commands.proving import verified
from pocketmatte.commands.running import Choice
from pocketmatte.console import Done, JsonFlag, emit, finish, note, relative
from pocketmatte.request import Request

_TIER = "t04"
_FORMATS = ("onnx", "coreml", "executorch")
_RECIPES = ("fp32", "fp16")
_BENCH_SECONDS = 5.0  # for each file: enough for a ranking, short enough for a first look
_VERIFY_FRAMES = 52
_SIZE_HW = (360, 640)
_FRAMES = 60


def demo(
    video: Annotated[
        Path | None, typer.Argument(help="A video of yours; a moving photograph when left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything made.")] = Path("build/demo"),
    as_json: JsonFlag = False,
) -> None:
    """Build t04 in three formats, verify, time it, and matte a moving picture.

    Examples:
        pocketmatte demo

        pocketmatte demo clip.mp4 --out build/mine
    """
    parts: dict[str, object] = {}
    passed = True
    for name, step in _steps(video, out):
        done = step()
        parts[name] = done.result
        if not as_json:
            emit(done.result, done.table, as_json=False)
        if not done.passed:
            passed = False
            break
    finish(Done(result=parts, passed=passed), as_json=as_json)


def _steps(video: Path | None, out: Path) -> Iterator[tuple[str, Callable[[], Done]]]:
    from pocketmatte.media import open_frames

    if video is not None:
        open_frames(video)  # a file that is no video is refused before minutes of work
    bundle = out / "bundle"
    request = Request(network="rvm", tiers=(_TIER,), formats=_FORMATS, recipes=_RECIPES)
    note(f"1/4  build {_TIER}: {', '.join(_FORMATS)}; {', '.join(_RECIPES)}")
    yield "build", lambda: built(bundle, [request])
    note("2/4  verify against PyTorch")
    yield "verify", lambda: verified(bundle, _VERIFY_FRAMES, threads=1)
    note("3/4  time on this machine")
    yield "bench", lambda: benched(bundle, "all", 1, 10, 100, _BENCH_SECONDS)
    source = video if video is not None else _moving_photograph(out / "astronaut.mp4")
    note(f"4/4  matte {relative(source)} with ONNX Runtime")
    choice = Choice(
        runtime="onnxruntime",
        recipe="fp32",
        bundle=_landscape(source, bundle),
        weights=None,
        threads=2,
    )
    yield "matte", lambda: matted(source, out / "matte", _TIER, choice, "00b140")


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
