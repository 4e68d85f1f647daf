"""What became of each figure of two runs that are alike."""

import dataclasses
import math

from pocketmatte.device_results.doubts import FRAME, frame_samples
from pocketmatte.device_results.noise import Bounds, Outcome, judged, ratio_bounds
from pocketmatte.device_results.summary import EMULATED, latency_fault
from pocketmatte.device_results.words import shown
from pocketmatte.harness.result import Result

# What is less counts as the same. Of a p95 few samples tell. Peak memory comes in pages, arenas
# and libraries; sizes differ by a name inside a file; the last digits of a PSNR by the processor;
# instructions repeat exactly but for what a C library does once.
P95_SHARE = 0.1
MEMORY_SHARE = 0.05
SIZE_SHARE = 0.005
FIDELITY_DB = 0.5
INSTRUCTIONS_SHARE = 0.001

REFUSED, NOISY, SAME = "refused", "noisy", "same"
_RANKS = {"ok": 2, "fallback": 1}  # the other statuses are 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure of two runs.

    Attributes:
        what: ``status``, ``p50``, ``p95``, ``memory``, ``size``, ``fidelity`` or ``instructions``.
        unit: Of before and after: ``ms``, ``bytes``, ``dB`` or none.
        before, after: As measured.
        ratio: After to before; ``None`` of a status or decibels.
        low, high: Bounds of the ratio, where there is noise.
        verdict: ``slower``, ``larger``, ``worse``, ``more``, the opposites, ``same``, ``noisy``
            or ``refused``.
        regression: Whether it became worse by as much as counts.
        reason: Why it was refused.
    """

    what: str
    unit: str
    before: float | str | None
    after: float | str | None
    verdict: str
    regression: bool = False
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


def figures(before: Result, after: Result, smallest: float) -> list[Figure]:
    """Return all figures that both runs have; one that only one of them has is refused.

    Args:
        before: A run.
        after: A later one, alike.
        smallest: Share of a median latency that counts, such as 0.03.
    """
    return [
        _status(before, after),
        *_latencies(before, after, smallest),
        *_memory(before, after),
        _size(before, after),
        *_fidelity(before, after),
        *_instructions(before, after),
    ]


def untimed(before: Result, after: Result) -> str | None:
    """Return why the latencies of two runs are not compared, or ``None``."""
    for side, result in (("before", before), ("after", after)):
        if fault := latency_fault(result):
            return f"{side}: {fault}"
        if result.device.model is None:
            return f"{side}: the device did not name itself"
        if min(frame_samples(result), default=0) == 0:
            return f"{side}: a frame of 0 ns"
    pairs = {
        "delegate": (before.execution.delegate_actual, after.execution.delegate_actual),
        "system": (before.device.os_version, after.device.os_version),
        "thermal state": (_warmest(before), _warmest(after)),
        "low power mode": (_saving(before), _saving(after)),
    }
    for what, (old, new) in pairs.items():
        if old != new:
            return f"other {what}: {_told(old)}, then {_told(new)}"
    return None


def _told(value: object) -> str:
    return "unknown" if value is None else shown(str(value))


def _warmest(result: Result) -> int | None:
    return max((each.status for each in result.thermal if each.status is not None), default=None)


def _saving(result: Result) -> bool:
    return any(each.low_power_mode for each in result.battery)


def _status(before: Result, after: Result) -> Figure:
    old, new = (_RANKS.get(each.status, 0) for each in (before, after))
    verdict = "worse" if new < old else "better" if new > old else SAME
    return Figure(
        what="status", unit="", before=before.status, after=after.status, verdict=verdict,
        regression=new < old,
        reason=shown(after.errors[0], 120) if new < old and after.errors else None,
    )  # fmt: skip


def _latencies(before: Result, after: Result, smallest: float) -> list[Figure]:
    if before.execution.process == EMULATED:  # of both: they are alike
        return [_refused("p50", "ms", "emulated latencies are no latencies")]
    if reason := untimed(before, after):
        return [_refused("p50", "ms", reason)]
    samples = [frame_samples(each) for each in (before, after)]
    bounds = ratio_bounds(*samples)
    old, new = (
        next(each.ms for each in result.latency if each.what == FRAME) for result in (before, after)
    )
    return [
        _timed("p50", old.p50, new.p50, bounds[50], smallest),
        _timed("p95", old.p95, new.p95, bounds[95], max(smallest, P95_SHARE)),
    ]


def _timed(what: str, before: float, after: float, bounds: Bounds, smallest: float) -> Figure:
    words: dict[Outcome, str] = {"more": "slower", "less": "faster", "same": SAME, "noisy": NOISY}
    outcome = judged(bounds, smallest)
    return Figure(
        what=what, unit="ms", before=before, after=after, verdict=words[outcome],
        regression=outcome == "more", ratio=bounds.ratio, low=bounds.low, high=bounds.high,
        reason=None if bounds.enough else "too few independent samples",
    )  # fmt: skip


def _memory(before: Result, after: Result) -> list[Figure]:
    old, new = before.memory, after.memory
    if old is None and new is None:
        return []
    if old is None or new is None:
        return [_refused("memory", "bytes", "measured on one side alone")]
    if old.method != new.method:
        told = f"other method: {shown(old.method)}, then {shown(new.method)}"
        return [_refused("memory", "bytes", told)]
    return [_grown("memory", "bytes", old.peak_bytes, new.peak_bytes, MEMORY_SHARE)]


def _size(before: Result, after: Result) -> Figure:
    old, new = (
        {each.program: each.size_bytes for each in result.subject.files}
        for result in (before, after)
    )
    if old.keys() != new.keys():  # sums over other programs are no comparison
        return _refused("size", "bytes", "other programs")
    return _grown("size", "bytes", sum(old.values()), sum(new.values()), SIZE_SHARE)


def _fidelity(before: Result, after: Result) -> list[Figure]:
    old, new = _decibels(before), _decibels(after)
    if old is None or new is None:
        return []
    if before.subject.trace_sha256 != after.subject.trace_sha256:
        return [_refused("fidelity", "dB", "held to another trace")]
    gained = 0.0 if old == new else new - old
    verdict = SAME if abs(gained) < FIDELITY_DB else "worse" if gained < 0 else "better"
    return [
        Figure(what="fidelity", unit="dB", before=old, after=new, verdict=verdict,
               regression=verdict == "worse")
    ]  # fmt: skip


def _decibels(result: Result) -> float | None:
    """Return the smallest PSNR of an output: infinite where all are equal, or minus infinite."""
    if result.parity is None:
        return None
    return min(
        (math.inf if each.psnr_db is None else each.psnr_db) if each.finite else -math.inf
        for each in result.parity.outputs
    )


def _instructions(before: Result, after: Result) -> list[Figure]:
    old, new = before.instructions_per_frame, after.instructions_per_frame
    if old is None and new is None:
        return []
    if old is None or new is None:
        return [_refused("instructions", "", "counted on one side alone")]
    return [_grown("instructions", "", old, new, INSTRUCTIONS_SHARE, "more", "less")]


def _grown(
    what: str, unit: str, before: int, after: int, smallest: float,
    more: str = "larger", less: str = "smaller",
) -> Figure:  # fmt: skip
    """Judge a figure that has no noise of its own; one of 0 cannot be divided by."""
    if before == 0 or after == 0:
        return _refused(what, unit, f"{before}, then {after}: 0 is no measurement")
    ratio = after / before
    outcome = judged(Bounds(ratio=ratio, low=ratio, high=ratio), smallest)
    return Figure(
        what=what, unit=unit, before=before, after=after, ratio=ratio,
        verdict={"more": more, "less": less}.get(outcome, SAME), regression=outcome == "more",
    )  # fmt: skip


def _refused(what: str, unit: str, reason: str) -> Figure:
    return Figure(
        what=what, unit=unit, before=None, after=None, verdict=REFUSED, reason=reason
    )  # fmt: skip
