"""Where a training runs: one processor, one GPU, or several processes with a GPU each."""

import contextlib
import os
from collections.abc import Iterator

import torch

from pocketmatte.training.batches import Share
from tiers.errors import UsageError


def device_of(name: str) -> torch.device:
    """Return a device; ``auto`` is a GPU where there is one.

    Raises:
        UsageError: If this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in {"cpu", "cuda"}:
        msg = f"no device {name!r}; there are auto, cpu, cuda"
        raise UsageError(msg)
    if name == "cuda" and not torch.cuda.is_available():
        msg = "--device is cuda; PyTorch finds no GPU here: take cpu, or install its CUDA build"
        raise UsageError(msg)
    return torch.device(name, int(os.environ.get("LOCAL_RANK", "0"))) if name == "cuda" else (
        torch.device(name)
    )  # fmt: skip


@contextlib.contextmanager
def together(device: torch.device) -> Iterator[Share]:
    """Join the processes that ``torchrun`` started, if it did, and yield this one's share."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield Share()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Share(rank=torch.distributed.get_rank(), processes=processes)
    finally:
        torch.distributed.destroy_process_group()


def anywhere(flag: bool, share: Share, device: torch.device) -> bool:
    """Say whether a flag is set in any of the processes that train together; all have to ask.

    One that leaves a training by itself lets the others wait for its gradients for ever.
    """
    if share.processes == 1:
        return flag
    held = torch.tensor(float(flag), device=device)
    torch.distributed.all_reduce(held, torch.distributed.ReduceOp.MAX)
    return bool(held.item())
