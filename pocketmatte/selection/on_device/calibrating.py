"""First-launch calibration: what a short run on the device itself says of the tier that was taken.

A pure rule over what was measured; docs/on-device.md says how it is measured.
"""

import dataclasses
import math
from typing import Literal, TypeAlias

WARMUPS = 5
LEAST_RUNS = 30
LEAST_SECONDS = 2.0
LIMIT_SECONDS = 6.0  # of each tier that is tried, and there are at most two
WARMEST = 1  # light; Apple's fair
# A higher tier is tried where this one takes no more of the budget, and taken where that one takes
# no more: what lies between and the whole budget is kept, so that noise moves nothing.
TRIED_BELOW = 0.7
TAKEN_BELOW = 0.85

Ended: TypeAlias = Literal["done", "cancelled", "failed"]
Why: TypeAlias = Literal[
    "no_budget", "not_physical", "not_debuggable", "cancelled", "failed", "min_runs_met",
    "min_seconds_met", "thermal_ok", "not_measured", "too_slow", "lowest_held", "faster", "kept",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What a short run of one tier came to.

    Attributes:
        ended: How.
        physical_device: Whether this is a phone or tablet.
        debuggable: Whether the app is a debug build; ``None`` where nobody can tell.
        runs, seconds: Of the frames after the warm-up.
        hottest: Of all readings of the thermal state, from before it to after it; ``None`` without.
        p95_ms: Of whole frames; ``None`` where there is none.
    """

    ended: Ended
    physical_device: bool
    debuggable: bool | None
    runs: int
    seconds: float
    hottest: int | None
    p95_ms: float | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Calibrated:
    """What a calibration comes to.

    Attributes:
        at: Place of the tier to run.
        why: A reason of docs/on-device.md.
        valid: Whether it says anything; where not, ``at`` is what it was, and it is run again.
    """

    at: int
    why: Why
    valid: bool


def tries_higher(held: int, at: int, limit_ms: float | None, own: Trial) -> bool:
    """Say whether the next higher tier is to be tried too.

    Args:
        held: How many tiers are held whole.
        at: Place of the one that was taken.
        limit_ms: Budget of a frame.
        own: What its run came to.
    """
    p95_ms = _p95_ms(own)
    if limit_ms is None or p95_ms is None or _invalid(own) is not None or at + 1 >= held:
        return False
    return own.hottest is not None and p95_ms <= TRIED_BELOW * limit_ms


def calibrated(
    held: int, at: int, limit_ms: float | None, own: Trial, higher: Trial | None
) -> Calibrated:
    """Return which tier to run: the one that was taken, or the one beside it.

    Args:
        held: How many tiers are held whole.
        at: Place of the one that was taken.
        limit_ms: Budget of a frame.
        own: What its run came to.
        higher: What the run of the next higher tier came to; looked at where it was to be tried.
    """
    if limit_ms is None:
        return Calibrated(at=at, why="no_budget", valid=False)
    p95_ms, why = _p95_ms(own), _invalid(own)
    if p95_ms is None or why is not None:
        return Calibrated(at=at, why=why or "not_measured", valid=False)
    if p95_ms > limit_ms:
        down = at > 0
        return Calibrated(at=at - down, why="too_slow" if down else "lowest_held", valid=True)
    if not tries_higher(held, at, limit_ms, own) or higher is None:
        return Calibrated(at=at, why="kept", valid=True)
    p95_ms, why = _p95_ms(higher), _invalid(higher)
    if p95_ms is None or why is not None:
        return Calibrated(at=at, why=why or "not_measured", valid=False)
    if higher.hottest is None or p95_ms > TAKEN_BELOW * limit_ms:
        return Calibrated(at=at, why="kept", valid=True)
    return Calibrated(at=at + 1, why="faster", valid=True)


def _p95_ms(trial: Trial) -> float | None:
    return trial.p95_ms if trial.p95_ms is not None and math.isfinite(trial.p95_ms) else None


def _invalid(trial: Trial) -> Why | None:
    """Return the first reason why a run says nothing."""
    if not trial.physical_device:
        return "not_physical"
    if trial.debuggable:
        return "not_debuggable"
    if trial.ended != "done":
        return "cancelled" if trial.ended == "cancelled" else "failed"
    if trial.hottest is not None and trial.hottest > WARMEST:
        return "thermal_ok"  # before the others: a phone that is warm ends the run at once
    if trial.runs < LEAST_RUNS:
        return "min_runs_met"
    return None if trial.seconds >= LEAST_SECONDS else "min_seconds_met"
