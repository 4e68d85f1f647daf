"""``pocketmatte train``: weights for every tier of a network."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.console import (
    Done,
    JsonFlag,
    chosen,
    finish,
    note,
    relative,
    require_at_least,
    stderr,
)
from tiers.errors import UsageError
from tiers.ladder import ladder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pocketmatte.training.batches import Share
    from pocketmatte.training.distillation import Teacher
    from pocketmatte.training.run import Run
    from pocketmatte.training.run_options import Options, Progress
    from pocketmatte.training.stages import Stage
    from pocketmatte.training.start import Start

_PRECISIONS = ("auto", "fp32", "bf16")
_OWN_LICENCE = "Apache-2.0"  # of weights that saw nothing but what this package draws
_UNKNOWN_LICENCE = "unknown"  # of weights that saw what somebody else may own

NetworkArgument = Annotated[str, typer.Argument(help="Name of a network: see pocketmatte tiers.")]
DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder of your own pictures and clips; self-made ones alone without it."),
]
SeedOption = Annotated[int, typer.Option(help="Of everything random.")]


def train(
    network: NetworkArgument,
    out: Annotated[Path, typer.Option(help="Folder of the run; one that is there goes on.")],
    recipe: Annotated[
        str,
        typer.Option(
            help="Stages: small, for one small computer; more, to go on from a --start; norms, "
            "to train nothing of it but each row's BatchNorm, at the row's own size; narrower, "
            "wider or together, to train such rows or all of them at their sizes, where a network "
            "has it; or paper, as published."
        ),
    ] = "small",
    data: DataOption = None,
    seed: SeedOption = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, fp32 or bf16; auto is bf16 on a GPU and fp32 elsewhere.")
    ] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the networks with torch.compile first.")
    ] = False,
    threads: Annotated[int, typer.Option(help="Of PyTorch on the CPU.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes that make samples.")] = 1,
    widest: Annotated[
        str | None, typer.Option(help="Widest row to train; the whole ladder without it.")
    ] = None,
    row_names: Annotated[
        str | None,
        typer.Option(
            "--rows", help="Of the recipe norms: the rows to train, t01,t03; all without it."
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="ROW=FILE: every row also learns from what this one predicts, instead of the "
            "narrower ones from the widest."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="[ROW=]FILE",
            help="Elastic checkpoint to begin with instead of random weights: of the network, with "
            "any rows, or of another one, whose encoder is taken. ROW is the widest row that is "
            "taken of it.",
        ),
    ] = None,
    keep_clips: Annotated[
        int | None,
        typer.Option(
            help="Make so many clips of each stage, keep them in the folder, and draw them again "
            "and again; without it every step makes new ones, which a few cores are slow at."
        ),
    ] = None,
    longer: Annotated[
        int, typer.Option(help="Make so many times the steps of every stage of the recipe.")
    ] = 1,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; the same command goes on later.")
    ] = None,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 100,
    judge_every: Annotated[
        int,
        typer.Option(
            help="Steps between looks at samples of another seed, made of the same files."
        ),
    ] = 500,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard into the folder.")
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(
            help="What the checkpoint says of its licence. Without it: unknown with --data, "
            "else the teacher's; Apache-2.0 where all was self-made."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Train one elastic checkpoint, from which the tiers of a network are sliced.

    Each step trains the widest row, the narrowest one and one between on the same samples; narrower
    ones also learn from what the widest predicts. Samples are made while it runs, from seeds: no
    data set is needed, your own clips help. Ctrl-C, a stopped machine or --minutes lose nothing
    but the steps since the last save; the same command goes on and comes to the same weights.
    At the end BatchNorm's statistics are measured for each row at its own size, and
    OUT/NETWORK.safetensors is written, which build, matte and evaluate take as --weights.

    Several GPUs: torchrun --nproc-per-node 4 -m -- pocketmatte train rvm --out build/train

    Examples:
        pocketmatte train rvm --out build/train/rvm

        pocketmatte train rvm --out build/train/rvm --minutes 9

        pocketmatte train rvm --out build/train/taught --teacher t08=rvm_mobilenetv3.safetensors

        pocketmatte train rvm --recipe more --start build/train/rvm/rvm.safetensors --out build/more

        pocketmatte train rvm --recipe norms --rows t01 --start rvm.safetensors --out build/t01
    """
    for option, value in (
        ("--threads", threads), ("--longer", longer),
        ("--save-every", save_every), ("--judge-every", judge_every),
    ):  # fmt: skip
        require_at_least(option, value)
    for option, value in (("--workers", workers), ("--seed", seed)):
        require_at_least(option, value, 0)
    if keep_clips is not None:
        require_at_least("--keep-clips", keep_clips)
    if minutes is not None and not minutes > 0:
        msg = f"--minutes is {minutes}; it must be above 0"
        raise UsageError(msg)
    if precision not in _PRECISIONS:
        msg = f"no precision {precision!r}; there are {', '.join(_PRECISIONS)}"
        raise UsageError(msg)
    import torch

    from pocketmatte.folders import make_folder
    from pocketmatte.training.devices import device_of, together
    from pocketmatte.training.distillation import teacher_of
    from pocketmatte.training.run import Run
    from pocketmatte.training.run_options import Options
    from pocketmatte.training.start import start_of
    from pocketmatte.training.tasks import task_of

    task = task_of(network)
    if recipe not in task.recipes:
        msg = f"no recipe {recipe!r} of {network}; there are {', '.join(task.recipes)}"
        raise UsageError(msg)
    rows = None if row_names is None else chosen(row_names, list(ladder(network)), "row")
    torch.set_num_threads(threads)
    chosen_device = device_of(device)
    taught_by = None if teacher is None else teacher_of(task, teacher)
    begun = None if start is None else start_of(start)
    make_folder(out)
    with together(chosen_device) as share:
        _require_shares(task.recipes[recipe], share)
        options = Options(
            recipe=recipe, data=data, seed=seed, workers=workers, device=chosen_device,
            bfloat16=precision == "bf16" or (precision == "auto" and chosen_device.type == "cuda"),
            compiled=compiled, share=share, save_every=save_every, judge_every=judge_every,
            widest=widest, minutes=minutes, kept_clips=keep_clips, longer=longer, rows=rows,
        )  # fmt: skip
        run = Run(task, out, options, taught_by, begun)
        if licence is None:
            licence = _licence(options, taught_by, begun)
        done = _trained(run, options, licence, tensorboard=tensorboard)
    if share.rank == 0:
        finish(done, as_json=as_json)


def _require_shares(stages: "Iterable[Stage]", share: "Share") -> None:
    """Refuse a number of processes that some stage's batches cannot be shared by."""
    for stage in stages:
        try:
            share.of(stage.batch)
        except ValueError as error:
            msg = f"stage {stage.name}: {error}"
            raise UsageError(msg) from error


def _licence(options: "Options", teacher: "Teacher | None", start: "Start | None") -> str:
    """Return what can be said of weights by what they learnt from."""
    others = {each.licence for each in (teacher, start) if each is not None} - {_OWN_LICENCE}
    if options.data is not None or len(others) > 1:
        return _UNKNOWN_LICENCE
    return others.pop() if others else _OWN_LICENCE


def _trained(run: "Run", options: "Options", licence: str, *, tensorboard: bool) -> Done:
    from pocketmatte.training.finishing import recalibrate as measure
    from pocketmatte.training.finishing import write_checkpoint

    with _told(run.folder, first=options.share.rank == 0, tensorboard=tensorboard) as tell:
        run.train(tell)
    result = {"run": run.folder, "step": run.step, "steps": run.total, "checkpoint": None}
    if options.share.rank:  # of several processes one ends it, and speaks
        return Done(result=result)
    if not run.done:
        note(f"{run.step} of {run.total} steps; the same command goes on")
        return Done(result=result)
    measure(
        run.task, run.elastic, run.stages[-1], data=options.data, seed=options.seed, rows=run.rows,
        on_row=lambda name: note(f"measured {name}"),
    )  # fmt: skip
    path = run.folder / f"{run.task.network}.safetensors"
    origin = f"trained by pocketmatte train {run.task.network} --recipe {options.recipe}"
    write_checkpoint(run.task, run.elastic, path, origin=origin, licence=licence)
    note(f"wrote {relative(path)}")
    return Done(result={**result, "checkpoint": path})


@contextlib.contextmanager
def _told(
    folder: Path, *, first: bool, tensorboard: bool
) -> "Iterator[Callable[[Progress], None]]":
    """Yield what takes each step's figures: a bar, notes where the run is judged, the journal."""
    from pocketmatte.training.journal import journal

    if not first:  # of several processes one speaks
        yield lambda _: None
        return
    with journal(folder, tensorboard=tensorboard) as write:

        def tell(progress: "Progress") -> None:
            write(progress)
            if progress.judged is not None:
                note(_words(progress))
            elif stderr.is_terminal:
                stderr.print(_words(progress), end="\r", soft_wrap=True)

        yield tell


def _words(progress: "Progress") -> str:
    left = progress.seconds_left
    clock = f"{left // 3600:.0f} h {left % 3600 // 60:02.0f} min left"
    judged = f", judged {progress.judged:.4g}" if progress.judged is not None else ""
    return (
        f"{progress.step} of {progress.total} ({progress.stage}): loss {progress.loss:.4f}, "
        f"error {progress.error:.4g}{judged}, {progress.frames_per_second:.1f} frames/s, {clock}"
    )
