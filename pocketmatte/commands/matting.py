"""``pocketmatte matte`` and ``evaluate``: what a tier makes of pictures."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.building import WeightsOption
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
    from pocketmatte.evaluate import OpenSpec, TierResult
    from pocketmatte.protocols.protocol import Column


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
    clips: Annotated[
        list[Path],
        typer.Option(
            help="Folders: frames/ with alpha/ or masks/, or image/ with mask/ or alpha/."
        ),
    ],
    tier_name: Annotated[str, typer.Option("--tier", help="t01 to t12; or several, or all.")],
    frames: Annotated[int | None, typer.Option(help="Only so many frames of each folder.")] = None,
    weights: WeightsOption = None,
    bundle: BundleOption = None,
    runtime: RuntimeOption = "torch",
    recipe: RecipeOption = "fp32",
    threads: ThreadsOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Measure a network on your own clips or pictures, each network by its own protocol.

    rvm, stfam, matanyone, trimap: clips with alpha/; MAD, MSE, Grad, Conn, dtSSD; of trimap also
    accuracy and mIoU of the three classes. propagation: clips with masks/, a value an object; J, F
    and J&F. fusion: the same clips; mIoU of fused masks beside those they were fused from.
    foreground: pictures; mIoU and MAD. scribble: pictures; IoU after rounds of simulated strokes,
    and the number of clicks.

    Beside each stands what something reaches that sees nothing: "constant" is the MAD of the best
    alpha that is one value everywhere, "first mask" what is given, held still, "prior" the mean
    mask of the other pictures. A mean counts a clip once, or each object, and pictures one by one.
    Should a file fail, or you press Ctrl-C, what was measured is printed all the same.

    Examples:
        pocketmatte evaluate rvm --tier t06 --clips clips/dancer --frames 40

        pocketmatte evaluate rvm --tier t04 --clips a b --bundle build/bundle --runtime onnxruntime

        pocketmatte evaluate propagation --tier t04,t08 --clips davis/dog --weights FILE
    """
    names = chosen(tier_name, list(ladder(network)), "tier")
    choice = Choice(runtime=runtime, recipe=recipe, bundle=bundle, weights=weights, threads=threads)
    if choice.form is not None and bundle is None:
        msg = f"--runtime {runtime} needs --bundle; build one: pocketmatte build --out DIR"
        raise UsageError(msg)
    if frames is not None:
        require_at_least("--frames", frames)
    done = _evaluated(network, names, clips, frames, choice, as_json=as_json)
    finish(done, as_json=as_json)


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
    network: str,
    names: Sequence[str],
    clips: Sequence[Path],
    limit: int | None,
    choice: Choice,
    *,
    as_json: bool,
) -> Done:
    """Measure with a bar; where that ends early, print what was measured before it does."""
    from pocketmatte.evaluate import evaluate, prepare, try_tiers

    measures = prepare(network, clips, limit)
    open_spec = _opening(choice)
    if len(names) > 1:
        try_tiers(network, names, measures, open_spec)
    done: dict[str, TierResult] = {}

    def reported() -> Done:
        return _reported(network, list(done.values()), clips, limit, choice)

    try:
        with progress(len(measures) * len(names), "measuring") as advance:

            def keep(so_far: "TierResult") -> None:
                done[so_far.tier] = so_far
                advance(f"{so_far.tier} {so_far.results[-1].clip}")

            for name in names:
                evaluate(network, name, measures, open_spec, on_folder=keep)
    except BaseException:
        if done:
            finish(reported(), as_json=as_json)
        raise
    return reported()


def _reported(
    network: str,
    results: "Sequence[TierResult]",
    clips: Sequence[Path],
    limit: int | None,
    choice: Choice,
) -> Done:
    """Report tiers, of which the last may lack folders: it has no mean then."""
    from pocketmatte.evaluate import columns

    shown = columns(network)
    alike = len({path.name for path in clips}) < len(clips)
    report: list[dict[str, object]] = []
    cells: list[tuple[object, ...]] = []
    for done in results:
        whole = len(done.results) == len(clips)
        for each in done.results:
            clip = relative(each.path) if alike else each.clip
            cells.append((done.tier, clip, each.frames, *_values(each.values, shown)))
        if whole and len(clips) > 1:
            cells.append((done.tier, "mean", None, *_values(done.mean, shown)))
        report.append(
            {
                "network": network,
                "tier": done.tier,
                "runtime": choice.runtime,
                "bundle": choice.bundle,
                "recipe": None if choice.form is None else choice.recipe,
                "frames_limit": limit,
                "weights": _told(done.weights),
                "clips": [each.told for each in done.results],
                "mean": done.told_mean if whole else None,
            }
        )
    titles = ("tier", "clip", "frames", *(column.title for column in shown))
    return Done(result=report, table=table("", titles, cells))


def _opening(choice: Choice) -> "OpenSpec":
    """Return what opens a tier as chosen."""
    from pocketmatte.protocols.opening import bundle_tier, torch_tier

    if choice.form is None or choice.bundle is None:
        return functools.partial(torch_tier, weights=choice.weights, threads=choice.threads)
    return functools.partial(
        bundle_tier,
        bundle=choice.bundle,
        form=choice.form,
        recipe=choice.recipe,
        threads=choice.threads,
    )


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


def _values(values: Mapping[str, float], shown: "Sequence[Column]") -> tuple[str, ...]:
    return tuple(f"{values[column.name]:.{column.digits}f}" for column in shown)
