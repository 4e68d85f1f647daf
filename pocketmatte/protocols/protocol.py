"""What every evaluation protocol offers, and what it is given: a tier to run."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from torch import nn

from export.manifest import Weights
from pocketmatte.matting.board import Run
from tiers.spec import TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OpenTier:
    """A tier that can run.

    Attributes:
        spec: The tier, oriented.
        run: Runs its programs by name.
        weights: What they hold.
        network: The network itself where PyTorch runs it, ``None`` where files do.
    """

    spec: TierSpec
    run: Run
    weights: Weights
    network: nn.Module | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one folder of the user's data gave.

    Attributes:
        path: The folder.
        frames: Frames or pictures that were measured.
        size_hw: Size at which predicted and true were compared, in pixels; ``None`` for pictures,
            whose sizes may differ.
        metrics: What the tier reached, by name.
        baselines: What something that sees nothing reaches, by name.
        weight: How often the folder counts in a mean over folders: a clip once, or by the objects
            that were followed; a folder of pictures by the pictures that were measured.
    """

    path: Path
    frames: int
    size_hw: tuple[int, int] | None
    metrics: Mapping[str, float]
    baselines: Mapping[str, float]
    weight: int = 1

    @property
    def clip(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def told(self) -> dict[str, object]:
        """What is written of it as JSON."""
        return {
            "clip": self.clip,
            "path": str(self.path),
            "frames": self.frames,
            "size_hw": self.size_hw,
            "weight": self.weight,
            "metrics": self.metrics,
            "baselines": self.baselines,
        }

    @property
    def values(self) -> dict[str, float]:
        """Metrics and baselines together."""
        return {**self.metrics, **self.baselines}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """How one of a result's values is printed.

    Attributes:
        name: Of the metric or baseline.
        title: Above the column.
        digits: Behind the point.
    """

    name: str
    title: str
    digits: int = 3


Opener: TypeAlias = Callable[[tuple[int, int]], OpenTier]  # frames' height and width -> the tier


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What measures a tier on one folder of the user's data when it is called.

    Attributes:
        sizes_hw: Heights and widths of the frames that it will open a tier for.
        measured: Opens the tier and measures it. Raises ``PocketMatteError``.
    """

    sizes_hw: frozenset[tuple[int, int]]
    measured: Callable[[Opener], Result]

    def __call__(self, opener: Opener) -> Result:
        """Measure the tier that ``opener`` opens."""
        return self.measured(opener)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationProtocol:
    """How a network is measured on a folder of the user's data.

    Attributes:
        prepare: Opens a folder, of it so many frames at most (``None`` for all), and returns what
            measures a tier on it. Raises ``MediaError`` where the folder will not do.
        columns: What is printed of a result.
    """

    prepare: Callable[[Path, int | None], Measure]
    columns: tuple[Column, ...]
