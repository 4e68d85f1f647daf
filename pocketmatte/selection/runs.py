"""Runs on devices, and what the protocol's choice says of their latencies."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from pocketmatte.harness.choice import Budget, Measured, choose
from pocketmatte.selection.classes import DeviceClass


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What one result says.

    Attributes:
        run_id, started_at, network, orientation: Of the result.
        sha256: Of its file.
        platform: Of the device; ``None`` where it is no phone or tablet.
        device: Its name in the table, or what it calls itself.
        device_class: What it falls to; ``None`` where it is no phone or tablet.
        delegate_requested, delegate_actual: What was to run it, and what did.
        files: The sha256 of every file, by its program.
        p50_ms: Median of whole frames; ``None`` without any.
        measured: What the protocol's choice looks at; its ``run_id`` is the sha256 of the file,
            since runs may be named alike on two devices.
    """

    run_id: str
    started_at: str
    network: str
    orientation: str
    sha256: str
    platform: str | None
    device: str
    device_class: DeviceClass | None
    delegate_requested: str
    delegate_actual: str | None
    files: Mapping[str, str]
    p50_ms: float | None
    measured: Measured

    @property
    def key(self) -> tuple[str, str, str]:
        """Tier, format and recipe."""
        return self.measured.tier, self.measured.format, self.measured.recipe

    @property
    def delegate(self) -> str:
        """What ran it, or an empty text."""
        return self.delegate_actual or ""


def out_of(run: Run, process: str) -> str | None:
    """Return why the latencies of a run never count, by the protocol, or ``None``.

    Args:
        run: The run.
        process: Whose results count.
    """
    return _choice([run], math.inf, None, process)[1].get(run.sha256)


def best_of(
    runs: Sequence[Run], frame_ms: float | None, peak_bytes: int | None
) -> tuple[Run, str | None]:
    """Return the run of one device that the protocol chooses, or else the fastest and its fault.

    Args:
        runs: Of one device, of one file, whose latencies count.
        frame_ms: Of the budget; ``None`` for any.
        peak_bytes: Likewise.
    """
    limit = math.inf if frame_ms is None else frame_ms
    chosen, ruled_out = _choice(runs, limit, peak_bytes, runs[0].measured.process)
    if chosen is not None:
        return next(run for run in runs if run.sha256 == chosen), None
    fastest = min(runs, key=lambda run: (run.measured.p95_ms or 0.0, run.sha256))
    return fastest, ruled_out[fastest.sha256]


def _choice(
    runs: Sequence[Run], frame_ms: float, peak_bytes: int | None, process: str
) -> tuple[str | None, Mapping[str, str]]:
    budget = Budget(frame_ms=frame_ms, peak_bytes=peak_bytes, process=process)
    found = choose([run.measured for run in runs], budget)
    return found.run_id, found.ruled_out
