"""``pocketmatte evaluate-cut``: a scripted user, round after round, on the user's own clips."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.cutting import chosen_networks
from pocketmatte.commands.running import ThreadsOption
from pocketmatte.console import Done, JsonFlag, finish, progress, relative, require_at_least, table
from pocketmatte.cut.methods import FusionBy
from pocketmatte.interactive.choices import Drawing, Metric
from tiers.errors import UsageError

if TYPE_CHECKING:
    from pocketmatte.interactive.evaluation import ClipPlayed
    from pocketmatte.interactive.following import Setting
    from pocketmatte.interactive.session import Rules


def evaluate_cut_(
    clips: Annotated[list[Path], typer.Option(help="Folders: frames/ with masks/ or alpha/.")],
    tiers: Annotated[
        str, typer.Option("--tier", help="t01 to t12; NETWORK=TIER of some: t04,scribble=t02.")
    ] = "t04",
    frames: Annotated[int | None, typer.Option(help="Only so many frames of each folder.")] = None,
    rounds: Annotated[int, typer.Option(help="At most.")] = 8,
    start: Annotated[Drawing, typer.Option(help="What the first round gives.")] = "strokes",
    correct: Annotated[Drawing, typer.Option(help="What the other rounds give.")] = "strokes",
    first_frame: Annotated[int, typer.Option(help="Where the first round is.")] = 0,
    metric: Annotated[Metric, typer.Option(help="By which the worst frame is found.")] = "jf",
    new_frames: Annotated[
        bool, typer.Option("--new-frames", help="Ask for no frame twice.")
    ] = False,
    strokes: Annotated[int, typer.Option(help="Of either kind, an object and a round.")] = 3,
    seconds: Annotated[
        float, typer.Option("--seconds-a-frame", help="That following is said to take.")
    ] = 0.04,
    seed: Annotated[int, typer.Option(help="Of where strokes begin and end.")] = 0,
    weights: Annotated[
        list[str] | None, typer.Option(metavar="NETWORK=FILE", help="Other weights of a network.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Run files of this bundle; PyTorch when left out.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="Of its files; as of pocketmatte cut.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Of its files; as of pocketmatte cut.")] = None,
    fusion: Annotated[FusionBy, typer.Option(help="How two rounds meet.")] = "network",
    frame_fusion: Annotated[
        bool, typer.Option(help="Fuse each mask with the one before where nothing moves.")
    ] = True,
    smooth: Annotated[bool, typer.Option(help="Take out flicker of a single frame.")] = True,
    memory_every: Annotated[int, typer.Option(help="Frames from one memorised to the next.")] = 5,
    threads: ThreadsOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Let a scripted user correct `cut` on clips with masks, and measure what every round brings.

    The interactive protocol of DAVIS: strokes on the object in one frame, then in the frame that
    is worst by then, eight rounds at most; J&F over all frames after each. "mean" is the mean over
    the rounds; AUC and J&F@60s are those over time, at --seconds-a-frame, so that a result can be
    had again; --json adds those over the time that was measured. docs/evaluation.md has the rules.

    Examples:
        pocketmatte evaluate-cut --clips davis/dog davis/camel --tier t04 --frames 24

        pocketmatte evaluate-cut --clips davis/dog --start mask --rounds 3 --fusion linear

        pocketmatte evaluate-cut --clips davis/dog --bundle build/bundle --format executorch --json
    """
    for option, value in (("--threads", threads), ("--memory-every", memory_every)):
        require_at_least(option, value)
    if frames is not None:
        require_at_least("--frames", frames)
    from pocketmatte.interactive.following import Setting
    from pocketmatte.interactive.session import Rules

    rules = Rules(
        rounds=rounds,
        first_frame=first_frame,
        start=start,
        correct=correct,
        metric=metric,
        new_frames=new_frames,
        strokes=strokes,
        seconds_a_frame=seconds,
        seed=seed,
    )
    setting = Setting(
        chosen=chosen_networks(tiers, weights or [], bundle, form, recipe, threads),
        fusion=fusion,
        frame_fusion=frame_fusion,
        smooth=smooth,
        memory_every=memory_every,
    )
    finish(_played(clips, frames, setting, rules, as_json=as_json), as_json=as_json)


def _played(
    folders: Sequence[Path],
    limit: int | None,
    setting: "Setting",
    rules: "Rules",
    *,
    as_json: bool,
) -> Done:
    """Play with a bar; where that ends early, print what was measured before it does."""
    from pocketmatte.interactive.evaluation import play_clip, prepare

    clips = prepare(folders, limit, rules)
    _require_used(setting)
    done: list[ClipPlayed] = []
    try:
        with progress(len(clips), "measuring") as advance:
            for clip in clips:
                done.append(play_clip(clip, setting, rules))
                advance(clip.clip.name)
    except BaseException:
        if done:
            finish(reported(done, folders, limit, setting, rules), as_json=as_json)
        raise
    return reported(done, folders, limit, setting, rules)


def reported(
    done: "Sequence[ClipPlayed]",
    folders: Sequence[Path],
    limit: int | None,
    setting: "Setting",
    rules: "Rules",
) -> Done:
    """Return the report of clips; where some are missing there is no mean."""
    import dataclasses

    from pocketmatte.interactive.evaluation import mean_of

    whole = len(done) == len(folders)
    mean = mean_of(done) if whole else None
    alike = len({path.name for path in folders}) < len(folders)
    names = [f"jf_{number}" for number in sorted({1, min(3, rules.rounds), rules.rounds})]
    shown = [*names, "mean_over_rounds", "auc", "jf_at_60"]
    rows = [
        (relative(each.path) if alike else each.path.name, each.frames, each.objects,
         *(f"{each.metrics[name]:.3f}" for name in shown))
        for each in done
    ]  # fmt: skip
    if mean is not None and len(done) > 1:
        rows.append(("mean", "-", "-", *(f"{mean[name]:.3f}" for name in shown)))
    titles = ("clip", "frames", "objects", *(f"J&F {name[3:]}" for name in names), "mean", "AUC",
              "J&F@60s")  # fmt: skip
    result = {
        "rules": dataclasses.asdict(rules),
        "setting": {
            "fusion": setting.fusion,
            "frame_fusion": setting.frame_fusion,
            "smooth": setting.smooth,
            "memory_every": setting.memory_every,
        },
        "frames_limit": limit,
        "networks": done[0].networks,
        "clips": [each.told for each in done],
        "mean": mean,
    }
    return Done(result=result, table=table("", titles, rows))


def _require_used(setting: "Setting") -> None:
    """Refuse tiers and weights of networks that do not run here."""
    used = {"scribble", "propagation", "fusion"}
    idle = sorted({*setting.chosen.tiers, *setting.chosen.weights} - used)
    if idle:
        msg = f"{', '.join(idle)} is not run here; this run has {', '.join(sorted(used))}"
        raise UsageError(msg)
