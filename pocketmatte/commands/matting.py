"""``pocketmatte matte`` and ``evaluate``: what a tier makes of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.making import WeightsOption
from pocketmatte.commands.running import (
    BundleOption,
    Choice,
    RecipeOption,
    RuntimeOption,
    ThreadsOption,
    opened,
)
from pocketmatte.console import (
    Done,
    JsonFlag,
    chosen,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from tiers.errors import UsageError
from tiers.ladder import ladder, tier

if TYPE_CHECKING:
    from export.manifest import Weights
    from pocketmatte.clips import Clip
    from pocketmatte.evaluate import ClipResult
    from pocketmatte.metrics import AlphaMetrics
    from tiers.spec import TierSpec


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
    choice = Choice(runtime=runtime, recipe=recipe, bundle=bundle, weights=weights, threads=threads)
    finish(matted(source, out, tier_name, choice, background), as_json=as_json)


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
    if network != "rvm":
        msg = f"{network} takes more than frames alone; evaluate measures rvm"
        raise UsageError(msg)
    choice = Choice(runtime=runtime, recipe=recipe, bundle=bundle, weights=weights, threads=threads)
    if choice.form is not None and bundle is None:
        msg = f"--runtime {runtime} needs --bundle; build one: pocketmatte build --out DIR"
        raise UsageError(msg)
    if frames is not None:
        require_at_least("--frames", frames)
    finish(_evaluated(network, names, clips, frames, choice), as_json=as_json)


def matted(source: Path, out: Path, tier_name: str, choice: Choice, background: str) -> Done:
    """Matte with a bar and say where the files are."""
    spec = tier("rvm", tier_name)
    colour = _colour(background)
    from pocketmatte.folders import make_folder
    from pocketmatte.matte import matte, orientation_of
    from pocketmatte.media import open_frames

    frames = open_frames(source)
    _require_apart(source, out)
    make_folder(out)
    spec = spec.oriented(orientation_of(frames.size_hw))
    with (
        opened(choice, spec, out / "bundle") as (session, weights),
        progress(frames.count, "matting") as advance,
    ):
        made = matte(
            frames, session, spec, out, background=colour, on_frame=lambda: advance(source.name)
        )
        facts = dict(session.facts)
    if made.truncated:
        note(f"{source} is damaged: only its first {made.frames} frame(s) could be read")
    result = {
        "tier": tier_name,
        "runtime": facts,
        "weights": _told(weights),
        "orientation": spec.orientation,
        "matted": made,
    }
    rows = [(name, relative(path)) for name, path in made.files.items()]
    return Done(result=result, table=table("", (f"{made.frames} frame(s)", ""), rows))


def _evaluated(
    network: str, names: Sequence[str], clips: Sequence[Path], frames: int | None, choice: Choice
) -> Done:
    from pocketmatte.evaluate import ClipResult, mean_of, open_clips

    opened_clips = open_clips(clips, frames)
    report: list[dict[str, object]] = []
    cells: list[tuple[object, ...]] = []
    with progress(len(opened_clips) * len(names), "measuring") as advance:
        for name in names:
            results: list[ClipResult] = []
            held: dict[str, Weights] = {}
            for clip in opened_clips:
                result, weights = _measured(tier(network, name), clip, choice)
                results.append(result)
                held[weights.digest] = weights
                advance(f"{name} {clip.name}")
            if len(held) > 1:
                msg = (
                    f"the portrait and landscape files of {name} hold different weights; "
                    "measure clips of one orientation at a time"
                )
                raise UsageError(msg)
            mean = mean_of(results)
            cells += [
                (name, r.clip, r.frames, *_values(r.metrics), f"{r.constant_mad:.2f}")
                for r in results
            ]
            if len(results) > 1:
                constant = sum(r.constant_mad for r in results) / len(results)
                cells.append((name, "mean", None, *_values(mean), f"{constant:.2f}"))
            report.append(
                {"network": network, "tier": name, "runtime": choice.runtime,
                 "weights": _told(weights), "clips": results, "mean": mean}
            )  # fmt: skip
    columns = ("tier", "clip", "frames", "MAD", "MSE", "Grad", "Conn", "dtSSD", "constant")
    return Done(result=report, table=table("", columns, cells))


def _measured(spec: "TierSpec", clip: "Clip", choice: Choice) -> "tuple[ClipResult, Weights]":
    from pocketmatte.bundle import described
    from pocketmatte.evaluate import evaluate_session, evaluate_torch
    from pocketmatte.matte import orientation_of
    from pocketmatte.sessions import file_session, network_for, weights_for

    spec = spec.oriented(orientation_of(clip.size_hw))
    if choice.form is None or choice.bundle is None:
        weights = weights_for(spec, choice.weights)
        network = network_for(spec, weights, choice.threads)
        return evaluate_torch(network, spec, clip), described(weights)
    with file_session(choice.bundle, spec, choice.form, choice.recipe, choice.threads) as held:
        session, entry = held
        return evaluate_session(session, spec, clip), entry


def _told(weights: "Weights") -> dict[str, str]:
    return {"origin": weights.origin, "digest": weights.digest}


def _require_apart(source: Path, out: Path) -> None:
    """Refuse to write over the source, or among pictures that the next run would read."""
    from pocketmatte.matte import OUTPUTS

    names = {f"{name}{suffix}" for name in OUTPUTS for suffix in (".mp4", ".png")}
    held = [source] if source.is_dir() else [
        path.parent for path in (source, source.resolve()) if path.name in names
    ]  # fmt: skip
    if out.resolve() in [folder.resolve() for folder in held]:
        msg = f"--out {out} holds the source; choose another folder"
        raise UsageError(msg)


def _colour(text: str) -> tuple[float, float, float]:
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        msg = f"--background is {text!r}; give six hexadecimal digits, RRGGBB, such as 00b140"
        raise UsageError(msg) from None
    return red / 255, green / 255, blue / 255


def _values(metrics: "AlphaMetrics") -> tuple[str, ...]:
    values = (metrics.mad, metrics.mse, metrics.grad, metrics.conn, metrics.dtssd)
    return tuple(f"{value:.2f}" for value in values)
