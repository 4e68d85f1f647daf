"""What is known of a file after it was compared with PyTorch."""

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

Status: TypeAlias = Literal["proven", "evaluated", "checked", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How far a candidate lies from the reference; plain values, ready for JSON.

    Differences of a tensor whose contract sets no range are taken relative to the largest
    magnitude that it has in the reference in that call, at least ``FEATURE_RANGE``.

    Attributes:
        recipe: The recipe whose limits were applied.
        frames: Calls compared; one a frame, but for programs that run on some frames only.
        max_abs: Largest absolute difference of each output and state in one step from the
            reference's own inputs, over every ``STEP_EVERY``-th call and frame. This is what the
            file computes; the rest is what recurrence makes of it.
        free_max_abs: Largest absolute difference of each in the candidate's own rollout.
        psnr_db: PSNR of each, peak 1, over all calls of its own rollout; ``None`` where not
            one bit of value differs. Of a picture beside a matte, multiplied by the reference's
            matte: as it shows.
        judged: The output that people see, if the program gives one.
        drift: ``drift_ratio`` of that output; ``None`` below ``DRIFT_FRAMES`` calls, without such
            an output, and where the network carries no state.
        reference_range: Smallest and largest value of each in the reference. What hardly changes
            there proves nothing and is a failure: of a tensor without a range at once, of the
            judged output from two calls on, where it is neither 0 nor 1 (a known foreground of a
            trimap is set to 1, not computed).
        failures: One sentence for each limit passed, with value and limit.
        mad: Mean absolute difference of the judged output over all calls of its own rollout.
        flipped: Share of the judged output's values that change sides of one half there.
        rise: By how much the MAD of a judged matte against the scene's mask is above that of
            PyTorch's; ``None`` where no mask is known.
        flicker: By what share its dtSSD is, likewise.
        frame_rms: RMS error of the judged output in each call of its own rollout, to three digits;
            ``None`` without such an output.
        notes: Of values inside that come close to the end of half precision, where the runtime
            sees them; no failure.
    """

    recipe: str
    frames: int
    max_abs: Mapping[str, float]
    free_max_abs: Mapping[str, float]
    psnr_db: Mapping[str, float | None]
    judged: str | None
    drift: float | None
    reference_range: Mapping[str, tuple[float, float]]
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()
    mad: float | None = None
    flipped: float | None = None
    rise: float | None = None
    flicker: float | None = None
    frame_rms: tuple[float, ...] | None = None

    @property
    def passed(self) -> bool:
        """Whether every limit was kept."""
        return not self.failures


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found of one artifact, of a package of several, or of a trace.

    Attributes:
        path: Inside the bundle.
        sha256: Of the file that was judged, as the manifest has it.
        size_bytes: Likewise.
        status: ``proven`` against PyTorch in its own runtime, ``evaluated`` against PyTorch
            operation by operation because this machine lacks that runtime, or, of a package of
            several, against their files; ``checked`` in structure only because its outputs are
            Core ML's own 8-bit images, nothing called it or it is a trace, or ``failed``.
        reasons: Why it failed, or why it was not run.
        parity: The measured differences, where it ran.
    """

    path: str
    sha256: str
    size_bytes: int
    status: Status
    reasons: tuple[str, ...] = ()
    parity: Parity | None = None
