"""What was measured of a bundle, read from files that may be damaged or hostile."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from export.model_file import read_model
from pocketmatte.results import FOLDER
from tiers.errors import BundleError, MissingBundleError

_PARITY, _LATENCY = "parity", "latency"
_MOST_BYTES = 256 * 2**20  # of a file; verify writes about a megabyte of a thousand files


# Beyond these a figure is no measurement, and sums and logarithms of it overflow.
_Figure: TypeAlias = Annotated[float, Field(ge=-1e9, le=1e9)]
_Amount: TypeAlias = Annotated[float, Field(ge=0, le=1e9)]


class _Model(BaseModel):
    # what later versions add is no reason to refuse a file
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class Parity(_Model):
    """What ``tally.Parity`` is as JSON, as far as pages and tables show it.

    Attributes:
        frame_rms: RMS error of the judged output, call by call; ``None`` where it was not kept.
    """

    frames: int
    judged: str | None
    psnr_db: dict[str, _Figure | None]
    drift: _Amount | None = None
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mad: _Amount | None = None
    rise: _Figure | None = None
    flipped: _Amount | None = None
    frame_rms: tuple[_Amount, ...] | None = None


class Verdict(_Model):
    """What ``verify`` found of one file; see ``verify.Verdict``."""

    path: str
    sha256: str
    size_bytes: int
    status: str = Field(pattern="^(proven|evaluated|checked|failed)$")
    reasons: tuple[str, ...] = ()
    parity: Parity | None = None


class Verdicts(_Model):
    """``results/parity.json``, or that of another runtime."""

    frames: int
    drift_judged: bool = False
    runtime: str | None = None
    artifacts: tuple[Verdict, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by status, the most frequent first."""
        states = [each.status for each in self.artifacts]
        return {
            each: states.count(each)
            for each in sorted(set(states), key=lambda s: (-states.count(s), s))
        }


class Latency(_Model):
    """One row of ``results/latency.json``; see ``bench.Latency``."""

    network: str
    tier: str
    program: str
    path: str | None
    sha256: str | None
    p50_ms: _Amount
    p90_ms: _Amount
    min_ms: _Amount
    threads_requested: int
    host: dict[str, str | int]
    instructions_per_frame: int | None = None


class Latencies(_Model):
    """``results/latency.json``."""

    latencies: tuple[Latency, ...]
    processor: str | None = None


class _Weights(_Model):
    digest: str


class _Mean(_Model):
    metrics: dict[str, _Figure]


class _Clip(_Model):
    clip: str


class Evaluation(_Model):
    """What ``pocketmatte evaluate --json`` printed of one tier.

    Attributes:
        recipe: ``None`` where PyTorch ran.
        mean: ``None`` where the command ended early.
    """

    network: str
    tier: str
    runtime: str
    recipe: str | None
    weights: _Weights
    clips: tuple[_Clip, ...]
    mean: _Mean | None


class _Evaluations(pydantic.RootModel[tuple[Evaluation, ...]]):
    pass


def read_verdicts(root: Path) -> Verdicts | None:
    """Return what ``verify`` found in the files' own runtimes; ``None`` before it ran.

    Raises:
        BundleError: If the file is damaged.
    """
    path = root / FOLDER / f"{_PARITY}.json"
    return _verdicts(path) if path.exists() else None


def read_other_verdicts(root: Path) -> list[Verdicts]:
    """Return what ``verify --runtime`` found, by the names of the files.

    Raises:
        BundleError: If a file is damaged.
    """
    return [_verdicts(path) for path in sorted((root / FOLDER).glob(f"{_PARITY}-*.json"))]


def read_latencies(root: Path) -> Latencies | None:
    """Return what ``bench`` measured; ``None`` before it ran.

    Raises:
        BundleError: If the file is damaged.
    """
    path = root / FOLDER / f"{_LATENCY}.json"
    if not path.exists():
        return None
    way_out = "delete it and run pocketmatte bench again"
    _check_size(path, way_out)
    return read_model(path, Latencies, "result of bench", way_out)


def read_evaluations(paths: Sequence[Path]) -> list[Evaluation]:
    """Return what ``evaluate --json`` printed to files.

    Raises:
        BundleError: If a file is missing or damaged.
    """
    way_out = "give what pocketmatte evaluate --json printed"
    found: list[Evaluation] = []
    for path in paths:
        if not path.exists():
            msg = f"{path} is missing; {way_out}"
            raise MissingBundleError(msg)
        _check_size(path, way_out)
        found += read_model(path, _Evaluations, "evaluation", way_out).root
    return found


def _verdicts(path: Path) -> Verdicts:
    way_out = "delete it and run pocketmatte verify again"
    _check_size(path, way_out)
    return read_model(path, Verdicts, "result of verify", way_out)


def _check_size(path: Path, way_out: str) -> None:
    if path.is_file() and (size_bytes := path.stat().st_size) > _MOST_BYTES:
        msg = f"{path} has {size_bytes} bytes; at most {_MOST_BYTES} are read: {way_out}"
        raise BundleError(msg)
