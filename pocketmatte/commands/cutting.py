"""``pocketmatte cut``: pick a subject, follow it, matte it, write the result."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from export.recipe import RECIPES
from export.recipe import recipe as recipe_of
from export.targets import TARGETS, target
from pocketmatte.commands.running import ThreadsOption
from pocketmatte.console import (
    Done,
    JsonFlag,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from pocketmatte.cut.methods import AlphaOf, FusionBy, Method
from tiers.errors import UsageError

if TYPE_CHECKING:
    from pocketmatte.cut.networks import Chosen
    from pocketmatte.cut.request import Cut
    from pocketmatte.cut.rounds import Round
    from pocketmatte.cut.run import CutOut

_FORMAT, _RECIPE = "onnx", "fp32"  # of a bundle's files, where nothing else is asked for


def cut_(
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO|IMAGES", help="A video, a picture, or a folder.")
    ],
    out: Annotated[
        Path,
        typer.Option(help=".mp4, .mkv, .webm, .mov, or a new folder for PNG pictures."),
    ],
    mask: Annotated[
        list[str] | None,
        typer.Option(metavar="[FRAME=]FILE", help="Mask of the first, or of another, frame."),
    ] = None,
    rounds: Annotated[
        Path | None,
        typer.Option("--rounds", "--scribbles", help="JSON list of masks and strokes."),
    ] = None,
    auto: Annotated[bool, typer.Option("--auto", help="Take what stands out first.")] = False,
    method: Annotated[Method, typer.Option(help="How alpha is found.")] = "propagate",
    alpha: Annotated[
        AlphaOf, typer.Option(help="Of propagate: by trimaps, or the mask itself.")
    ] = "stfam",
    tiers: Annotated[
        str, typer.Option("--tier", help="t01 to t12; NETWORK=TIER of some: t04,stfam=t02.")
    ] = "t04",
    weights: Annotated[
        list[str] | None, typer.Option(metavar="NETWORK=FILE", help="Other weights of a network.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Run files of this bundle; PyTorch when left out.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help=f"Of its files: {', '.join(TARGETS)}; {_FORMAT}.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help=f"Of its files: {', '.join(RECIPES)}; {_RECIPE}.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="none, RRGGBB, a picture or a video.")
    ] = None,
    fusion: Annotated[FusionBy, typer.Option(help="How two rounds meet.")] = "network",
    frame_fusion: Annotated[
        bool, typer.Option(help="Fuse each mask with the one before where nothing moves.")
    ] = True,
    smooth: Annotated[bool, typer.Option(help="Take out flicker of a single frame.")] = True,
    memory_every: Annotated[int, typer.Option(help="Frames from one memorised to the next.")] = 5,
    threads: ThreadsOption = 2,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run, if there is one.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Cut a subject out of a video: pick it, follow it, matte it.

    The subject is given as a mask of the first frame, as masks of any frames, as rounds of strokes
    and masks (docs/cut.md says what such a file holds), or taken by --auto; rvm finds people by
    itself. The output's suffix says what is written: .mp4 and .mkv have a background, .webm (VP9),
    .mov (ProRes 4444) and a folder of PNG pictures are transparent unless --background is given.
    Sound is kept. What was finished when a run is stopped lies hidden beside the output; --resume
    goes on from there and gives what the whole run would have given.

    Examples:
        pocketmatte cut clip.mp4 --mask first.png --out cut.webm

        pocketmatte cut clip.mp4 --mask first.png --mask 120=later.png --out cut.mov --resume

        pocketmatte cut clip.mp4 --scribbles rounds.json --tier t06,stfam=t04 --out cut.mp4

        pocketmatte cut clip.mp4 --auto --method matanyone --background beach.jpg --out cut.mp4

        pocketmatte cut clip.mp4 --method rvm --bundle build/bundle --out frames
    """
    require_at_least("--threads", threads)
    require_at_least("--memory-every", memory_every)
    from pocketmatte.cut.request import Cut

    cut = Cut(
        source=video,
        out=out,
        method=method,
        rounds=_rounds(mask or [], rounds, auto=auto),
        chosen=chosen_networks(tiers, weights or [], bundle, form, recipe, threads),
        alpha_of=alpha,
        fusion=fusion,
        background=background,
        frame_fusion=frame_fusion,
        smooth=smooth,
        memory_every=memory_every,
        resume=resume,
    )
    finish(_cut(cut), as_json=as_json)


def _cut(cut: "Cut") -> Done:
    """Cut with bars, say what was lost, and where the result is."""
    from pocketmatte.cut.run import cut_out
    from pocketmatte.cut.work import unfinished
    from pocketmatte.stopped import resumable

    with resumable("finished", lambda: unfinished(cut.out)):
        made = cut_out(cut, progress)
    if made.truncated:
        note(f"{cut.source} is damaged: only its first {made.frames} frame(s) could be read")
    if made.lost_sound:
        note(f"{relative(cut.out)} is a folder of pictures and holds no sound; the source has some")
    if made.sound == "cut short":
        note(f"the sound of {cut.source} is damaged: only its start could be kept")
    return Done(result=made, table=_table(made))


def _table(made: "CutOut") -> Table:
    height, width = made.size_hw
    rows = [
        ("output", relative(made.out)),
        ("size", f"{width}x{height}"),
        ("mean alpha", f"{made.mean_alpha:.3f}"),
        ("sound", made.sound),
        ("resumed", "yes" if made.resumed else "no"),
    ]
    return table("", (f"{made.frames} frame(s)", ""), rows)


def _rounds(masks: list[str], script: Path | None, *, auto: bool) -> "tuple[Round, ...]":
    """Return what the user gives, from whichever option it comes."""
    from pocketmatte.cut.rounds import Round, mask_rounds, read_script

    if bool(masks) + (script is not None) + auto > 1:
        msg = "--mask, --rounds and --auto exclude each other; a script of rounds holds all three"
        raise UsageError(msg)
    if script is not None:
        return read_script(script)
    return (Round(frame=0),) if auto else mask_rounds(masks)


def chosen_networks(
    tiers: str,
    weights: list[str],
    bundle: Path | None,
    form: str | None,
    recipe: str | None,
    threads: int,
) -> "Chosen":
    """Return what runs the networks, from the options that ``cut`` has for it.

    Raises:
        UsageError: If options exclude each other, or name what does not exist.
    """
    from pocketmatte.cut.networks import Chosen, parse_tiers, parse_weights

    if bundle is None and (form or recipe):
        msg = "--format and --recipe are of files; give the --bundle that holds them"
        raise UsageError(msg)
    if bundle is not None and weights:
        msg = "--weights and --bundle exclude each other: a bundle's files hold their weights"
        raise UsageError(msg)
    tier, named = parse_tiers(tiers)
    return Chosen(
        tiers=named,
        tier=tier,
        weights=parse_weights(weights),
        bundle=bundle,
        form=target(form or _FORMAT).name,
        recipe=recipe_of(recipe or _RECIPE).name,
        threads=threads,
    )
