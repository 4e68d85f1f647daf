"""Where an estimate of latencies that nobody measured comes in."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from pocketmatte.selection.classes import DeviceClass
from pocketmatte.selection.rows import Device, Platform
from pocketmatte.selection.runs import Run

Estimate: TypeAlias = tuple[float, float, float]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceGroup:
    """The devices that get the same.

    Attributes:
        platform: Of them.
        device_class: That they fall to.
        devices: Those of the table, each with some or all of the memory it is sold with.
    """

    platform: Platform
    device_class: DeviceClass
    devices: tuple[Device, ...]


class LatencyPrior(Protocol):
    """A model of latencies. It can only rule out: what was measured outranks it.

    Attributes:
        name: What a lock calls it; another version has another name.
    """

    @property
    def name(self) -> str:
        """What a lock calls it."""

    def estimate(
        self,
        network: str,
        tier: str,
        format: str,  # noqa: A002 - as everywhere else
        recipe: str,
        device: DeviceGroup,
        /,
    ) -> Estimate | None:
        """Estimate the 95th percentile of a whole frame on the slowest device of a group.

        Returns:
            The estimate, its lower and its upper end, in milliseconds; ``None`` where it has none.
            A tier is ruled out where the upper end is above the budget.
        """


PriorOf: TypeAlias = Callable[[Sequence[Run]], LatencyPrior]
"""Makes a model from runs of devices that tell it of their class; see ``standing.telling``."""


def checked(prior: LatencyPrior, found: Estimate | None) -> Estimate | None:
    """Return an estimate, or refuse one that is none.

    Raises:
        ValueError: If it is not three finite numbers that rise from the lower end over the estimate
            to the upper end.
    """
    if found is None:
        return None
    middle, low, high = found
    if not all(map(math.isfinite, found)) or not 0 <= low <= middle <= high:
        msg = f"{prior.name} estimates {found}; it must be finite, and low <= ms <= high"
        raise ValueError(msg)
    return found
