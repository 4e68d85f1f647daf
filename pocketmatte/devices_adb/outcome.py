"""What came of one run on one device."""

import dataclasses
from pathlib import Path

from pocketmatte.devices_adb.cargo import Run
from pocketmatte.harness.result import Result

ERROR = "error"
_GOOD = ("ok", "fallback")
_FRAME = "frame"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A run's result in a few figures, or why there is none.

    Attributes:
        run_id, network, tier, recipe, orientation: Of the run.
        device: The device by a key that does not tell its serial number.
        model: Of the device, where it said so.
        status: Of the result, or ``error``.
        p50_ms, p95_ms: Of whole frames.
        peak_bytes: Of the memory pass.
        worst_db: Smallest PSNR of an output; ``None`` where all are equal, too.
        error: Why there is no result, in one line.
        path: Where the result is kept.
    """

    run_id: str
    network: str
    tier: str
    recipe: str
    orientation: str
    device: str
    model: str | None
    status: str
    p50_ms: float | None = None
    p95_ms: float | None = None
    peak_bytes: int | None = None
    worst_db: float | None = None
    error: str | None = None
    path: Path | None = None

    @property
    def good(self) -> bool:
        """Whether it ran and kept its limits."""
        return self.status in _GOOD


def succeeded(run: Run, device: str, result: Result, path: Path) -> Outcome:
    """Return the outcome of a run that has a result, of whatever status."""
    frames = next((each.ms for each in result.latency if each.what == _FRAME), None)
    outputs = result.parity.outputs if result.parity else []
    return Outcome(
        run_id=run.run_id,
        network=run.network,
        tier=run.tier,
        recipe=run.recipe,
        orientation=run.orientation,
        device=device,
        model=result.device.model,
        status=result.status,
        p50_ms=frames.p50 if frames else None,
        p95_ms=frames.p95 if frames else None,
        peak_bytes=result.memory.peak_bytes if result.memory else None,
        worst_db=min((o.psnr_db for o in outputs if o.psnr_db is not None), default=None),
        path=path,
    )


def failed(run: Run, device: str, model: str | None, error: str) -> Outcome:
    """Return the outcome of a run that has no result."""
    return Outcome(
        run_id=run.run_id,
        network=run.network,
        tier=run.tier,
        recipe=run.recipe,
        orientation=run.orientation,
        device=device,
        model=model,
        status=ERROR,
        error=error,
    )
