"""How each network is trained, by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.training.task import Task
from pocketmatte.training.tasks.foreground import ForegroundTask
from pocketmatte.training.tasks.fusion import FusionTask
from pocketmatte.training.tasks.matanyone import MatAnyoneTask
from pocketmatte.training.tasks.propagation import PropagationTask
from pocketmatte.training.tasks.rvm import RvmTask
from pocketmatte.training.tasks.scribble import ScribbleTask
from pocketmatte.training.tasks.stfam import StfamTask
from pocketmatte.training.tasks.trimap import TrimapTask
from tiers.errors import UsageError

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "rvm": RvmTask(),
        "foreground": ForegroundTask(),
        "scribble": ScribbleTask(),
        "propagation": PropagationTask(),
        "fusion": FusionTask(),
        "trimap": TrimapTask(),
        "stfam": StfamTask(),
        "matanyone": MatAnyoneTask(),
    }
)


def task_of(network: str) -> Task:
    """Return a network's task.

    Raises:
        UsageError: If there is none; the message lists those there are.
    """
    try:
        return TASKS[network]
    except KeyError:
        msg = f"no training of {network!r}; there is one of {', '.join(TASKS)}"
        raise UsageError(msg) from None
