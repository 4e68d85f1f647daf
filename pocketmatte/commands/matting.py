"""``pocketmatte matte`` and ``evaluate``: what a tier makes of pictures."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export.recipe import RECIPES
from pocketmatte.commands.making import WeightsOption
from pocketmatte.console import JsonFlag, chosen, emit, note, progress, relative, table
from tiers.errors import ExportError, UsageError
from tiers.ladder import ladder, tier

if TYPE_CHECKING:
    from pocketmatte.clips import Clip
    from pocketmatte.evaluate import ClipResult
    from pocketmatte.metrics import AlphaMetrics
    from pocketmatte.runtimes.protocol import Session
    from tiers.spec import TierSpec

_RUNTIMES = {"torch": None, "onnxruntime": "onnx", "executorch": "executorch", "coreml": "coreml"}

RuntimeOption = Annotated[str, typer.Option("--runtime", help=", ".join(_RUNTIMES) + ".")]
BundleOption = Annotated[
    Path | None, typer.Option(help="Take the file from this bundle; see pocketmatte build.")
]
RecipeOption = Annotated[str, typer.Option(help=f"Of the file: {', '.join(RECIPES)}.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads of the runtime.")]


def matte_(
    source: Annotated[
        Path, typer.Argument(metavar="VIDEO|IMAGES", help="A video, a picture, or a folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for alpha, foreground and composite.")],
    tier_name: Annotated[str, typer.Option("--tier", help="t01 to t12.")] = "t04",
    runtime: RuntimeOption = "torch",
    recipe: RecipeOption = "fp32",
    bundle: BundleOption = None,
    weights: WeightsOption = None,
    background: Annotated[
        str, typer.Option(help="Colour behind the composite, as RRGGBB.")
    ] = "00b140",
    threads: ThreadsOption = 2,
    as_json: JsonFlag = False,
) -> None:
    """Cut the subject out of a video, a picture, or a folder of pictures.

    Writes alpha, foreground and composite: MP4 for moving pictures, PNG for one. Without --bundle
    the runtime's file is built first and kept in OUT/bundle.

    Examples:
        pocketmatte matte clip.mp4 --tier t06 --out build/matte

        pocketmatte matte frames/ --tier t04 --runtime onnxruntime --background ff00ff --out out
    """
    spec = tier("rvm", tier_name)
    form = _format_of(runtime)
    colour = _colour(background)
    from pocketmatte.matte import matte, orientation_of
    from pocketmatte.media import open_frames

    frames = open_frames(source)
    spec = spec.oriented(orientation_of(frames.size_hw))
    if form is not None and bundle is None:
        bundle = _built(out / "bundle", spec, form, recipe, weights, quiet=as_json)
    with (
        _session(spec, runtime, recipe, bundle, weights, threads) as session,
        progress(frames.count, "matting", quiet=as_json) as advance,
    ):
        made = matte(
            frames, session, spec, out, background=colour, on_frame=lambda: advance(source.name)
        )
        facts = dict(session.facts)
    result = {"tier": tier_name, "runtime": facts, "orientation": spec.orientation, "matted": made}
    rows = [(name, relative(path)) for name, path in made.files.items()]
    emit(result, table("", (f"{made.frames} frame(s)", ""), rows), as_json=as_json)
    if made.truncated:
        note(f"{source} is damaged: only its first {made.frames} frame(s) could be read")


def evaluate_(
    network: Annotated[str, typer.Argument(help="Name of the network.")],
    clips: Annotated[list[Path], typer.Option(help="Clip folders: frames/ with alpha/ or masks/.")],
    tier_name: Annotated[str, typer.Option("--tier", help="t01 to t12; or several, or all.")],
    frames: Annotated[int | None, typer.Option(help="Only so many frames of each clip.")] = None,
    weights: WeightsOption = None,
    bundle: BundleOption = None,
    runtime: RuntimeOption = "torch",
    recipe: RecipeOption = "fp32",
    threads: ThreadsOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Measure mattes against clips with true alpha: MAD, MSE, Grad, Conn, dtSSD.

    From PyTorch a clip runs at its own size, cut down to multiples of 16, the network working at
    the tier's long side. From a bundle it runs at the tier's fixed size. "constant" is the MAD of
    the best alpha that is one value everywhere.

    Examples:
        pocketmatte evaluate rvm --tier t06 --clips clips/dancer --frames 40

        pocketmatte evaluate rvm --tier t04 --clips a b --bundle build/bundle --runtime onnxruntime
    """
    names = chosen(tier_name, list(ladder(network)), "tier")
    if _format_of(runtime) is not None and bundle is None:
        msg = f"--runtime {runtime} needs --bundle; build one: pocketmatte build --out DIR"
        raise UsageError(msg)
    if frames is not None and frames < 1:
        msg = f"--frames is {frames}; it must be 1 or more"
        raise UsageError(msg)
    from pocketmatte.evaluate import ClipResult, mean_of, open_clips

    opened = open_clips(clips, frames)
    report = []
    with progress(len(opened) * len(names), "measuring", quiet=as_json) as advance:
        for name in names:
            spec = tier(network, name)
            results: list[ClipResult] = []
            for clip in opened:
                results.append(_measured(spec, clip, runtime, recipe, bundle, weights, threads))
                advance(f"{name} {clip.name}")
            report.append(
                {"network": network, "tier": name, "runtime": runtime, "clips": results,
                 "mean": mean_of(results)}
            )  # fmt: skip
    columns = ("tier", "clip", "frames", "MAD", "MSE", "Grad", "Conn", "dtSSD", "constant")
    cells = [
        (entry["tier"], r.clip, r.frames, *(f"{v:.2f}" for v in _values(r.metrics)),
         f"{r.constant_mad:.2f}")
        for entry in report
        for r in entry["clips"]
    ]  # fmt: skip
    emit(report, table("", columns, cells), as_json=as_json)


def _measured(
    spec: "TierSpec", clip: "Clip", runtime: str, recipe: str, bundle: Path | None,
    weights: Path | None, threads: int,
) -> "ClipResult":  # fmt: skip
    from pocketmatte.evaluate import evaluate_session, evaluate_torch
    from pocketmatte.matte import orientation_of
    from pocketmatte.sessions import file_session, network_for

    spec = spec.oriented(orientation_of(clip.size_hw))
    if bundle is None:
        return evaluate_torch(network_for(spec, weights, threads), spec, clip)
    form = _format_of(runtime)
    if form is None:
        msg = "--bundle holds files, which torch does not run; choose another --runtime"
        raise UsageError(msg)
    with file_session(bundle, spec, form, recipe, threads) as session:
        return evaluate_session(session, spec, clip)


@contextlib.contextmanager
def _session(
    spec: "TierSpec", runtime: str, recipe: str, bundle: Path | None, weights: Path | None,
    threads: int,
) -> "Iterator[Session]":  # fmt: skip
    from pocketmatte.sessions import file_session, torch_session

    form = _format_of(runtime)
    if form is None:
        yield torch_session(spec, weights, threads)
    elif bundle is not None:
        with file_session(bundle, spec, form, recipe, threads) as session:
            yield session


def _built(
    out: Path, spec: "TierSpec", form: str, recipe: str, weights: Path | None, *, quiet: bool
) -> Path:
    from pocketmatte.build import Request, build

    request = Request(
        network=spec.network, tiers=(spec.name,), formats=(form,), recipes=(recipe,),
        orientation=spec.orientation, weights=weights,
    )  # fmt: skip
    with progress(1, "building", quiet=quiet) as advance:
        for event in build(out, request):
            advance(event.path)
            if event.outcome == "failed":
                raise ExportError(event.reason)
    return out


def _format_of(runtime: str) -> str | None:
    if runtime not in _RUNTIMES:
        msg = f"no runtime {runtime!r}; there are {', '.join(_RUNTIMES)}"
        raise UsageError(msg)
    return _RUNTIMES[runtime]


def _colour(text: str) -> tuple[float, float, float]:
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        msg = f"--background is {text!r}; give six hexadecimal digits, RRGGBB, such as 00b140"
        raise UsageError(msg) from None
    return red / 255, green / 255, blue / 255


def _values(metrics: "AlphaMetrics") -> tuple[float, ...]:
    return (metrics.mad, metrics.mse, metrics.grad, metrics.conn, metrics.dtssd)
