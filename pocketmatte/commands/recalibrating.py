"""``pocketmatte recalibrate``: BatchNorm's statistics of every row, measured anew."""

from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.commands.training import DataOption, NetworkArgument, SeedOption
from pocketmatte.console import Done, JsonFlag, finish, note, relative, require_at_least


def recalibrate(
    network: NetworkArgument,
    weights: Annotated[Path, typer.Option(help="Elastic checkpoint.")],
    out: Annotated[Path, typer.Option(help="Checkpoint to write.")],
    data: DataOption = None,
    seed: SeedOption = 0,
    threads: Annotated[int, typer.Option(help="Of PyTorch on the CPU.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Measure the BatchNorm statistics of every row anew, at the size that it runs at.

    For a checkpoint whose weights were changed by hand, or that is to meet other pictures than it
    was trained on: give some of them as --data.

    Examples:
        pocketmatte recalibrate rvm --weights build/train/rvm/rvm.safetensors --out rvm.safetensors
    """
    import torch

    from pocketmatte.training.finishing import opened, write_checkpoint
    from pocketmatte.training.finishing import recalibrate as measure
    from pocketmatte.training.tasks import task_of
    from tiers.weights import load

    require_at_least("--threads", threads)
    require_at_least("--seed", seed, 0)
    torch.set_num_threads(threads)
    task = task_of(network)
    elastic = opened(task, weights)
    measure(
        task, elastic, task.recipes["small"][-1], data=data, seed=seed,
        on_row=lambda name: note(f"measured {name}"),
    )  # fmt: skip
    held = load(weights, network)
    write_checkpoint(task, elastic, out, origin=held.origin, licence=held.licence)
    finish(Done(result={"checkpoint": out, "rows": list(elastic.specs)}), as_json=as_json)
    note(f"wrote {relative(out)}")
