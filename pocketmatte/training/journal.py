"""What a training run says while it goes on: a line in a file, and curves for TensorBoard."""

import contextlib
import dataclasses
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pocketmatte.training.run_options import Progress
from tiers.errors import UsageError

FILE_NAME = "log.jsonl"
_EVERY = 50  # steps between lines


@contextlib.contextmanager
def journal(folder: Path, *, tensorboard: bool) -> Iterator[Callable[[Progress], None]]:
    """Keep ``folder/log.jsonl``, to which a resumed run adds; yield what takes each step's figures.

    Lines hold the fields of ``Progress``, every 50 steps and wherever the run was judged.

    Raises:
        UsageError: If curves are asked for and TensorBoard is not installed.
    """
    writer = _writer(folder) if tensorboard else None
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE_NAME).open("a", encoding="utf-8") as file:

        def write(progress: Progress) -> None:
            if progress.step % _EVERY and progress.judged is None:
                return
            file.write(json.dumps(dataclasses.asdict(progress)) + "\n")
            file.flush()
            if writer is not None:
                for name in ("loss", "error", "judged", "frames_per_second"):
                    if getattr(progress, name) is not None:
                        writer.add_scalar(name, getattr(progress, name), progress.step)

        try:
            yield write
        finally:
            if writer is not None:
                writer.close()


def _writer(folder: Path) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        msg = "--tensorboard needs TensorBoard; install it with: pip install tensorboard"
        raise UsageError(msg)
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
