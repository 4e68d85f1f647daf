"""Which tier runs from frame to frame: down under lasting trouble, up after a long calm.

A pure machine: from a state, an event and its monotonic time follows the next state. It knows tiers
as places in the list of those that are held, and no clock. docs/on-device.md draws it.
"""

import dataclasses
from typing import Literal, TypeAlias

SEVERE = 3  # Android's; Apple's serious
CRITICAL = 4
WARMEST_CALM = 1  # light; Apple's fair
TROUBLE_MS = 5_000  # that trouble lasts before it counts; nothing where it is critical
DOWN_DWELL_MS = 10_000  # from one change to a step down: a colder tier needs time to show
UP_DWELL_MS = 120_000  # from one change to a step up
CALM_MS = 60_000  # that a calm lasts before a step up; doubled by each relapse
MOST_CALM_MS = 960_000
RELAPSE_MS = 300_000  # a step down so soon after one up is a relapse
GAP_MS = 5_000  # without an event nobody knows what was: what lasted begins anew
WINDOW_MS = 2_000  # over which frames are judged together
LEAST_FRAMES = 4  # of a window that says anything
# A quarter of the frames is what an eye sees as stutter; the budget itself is a 95th percentile.
LATE_ONE_IN = 4
TIMELY_ONE_IN = 20

Pace: TypeAlias = Literal["unknown", "timely", "between", "late"]
Direction: TypeAlias = Literal["none", "up", "down"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Thermal:
    """The platform's thermal status: 0 none to 6 shutdown, ``None`` where it does not say."""

    at_ms: int
    status: int | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A frame ended: what it took, from its first call to the last."""

    at_ms: int
    frame_ms: float


Event: TypeAlias = Thermal | Frame


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """What does not change while an app runs.

    Attributes:
        ceiling: Place of the tier that was chosen: nothing above it is run, and 0 is the lowest.
        limit_ms: Budget of a frame; ``None`` where there is none, and no frame is late.
    """

    ceiling: int
    limit_ms: float | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Where the machine stands.

    Attributes:
        at: Place of the tier that runs.
        changed_ms: When it began to.
        last: Direction of the change before.
        now_ms: Time of the last event.
        status: The last thermal status; ``None`` where nobody said.
        trouble_ms, calm_ms: Since when there is trouble, or calm; ``None`` where there is none.
        needed_ms: How long a calm must last for a step up.
        window_ms: When the window of frames began; ``None`` before the first frame of one.
        frames, late: In this window.
        pace: Of the window before.
    """

    at: int
    changed_ms: int
    now_ms: int
    last: Direction = "none"
    status: int | None = None
    trouble_ms: int | None = None
    calm_ms: int | None = None
    needed_ms: int = CALM_MS
    window_ms: int | None = None
    frames: int = 0
    late: int = 0
    pace: Pace = "unknown"


def started(steps: Steps, at_ms: int, status: int | None) -> State:
    """Return the state of an app that begins to run what was chosen."""
    return State(at=steps.ceiling, changed_ms=at_ms, now_ms=at_ms, status=status)


def stepped(steps: Steps, state: State, event: Event) -> State:
    """Return the state after an event; one from before the last counts as of the same time."""
    now_ms = max(event.at_ms, state.now_ms)
    if now_ms - state.now_ms > GAP_MS:
        state = _forgotten(state)
    state = dataclasses.replace(state, now_ms=now_ms)
    if isinstance(event, Thermal):
        state = dataclasses.replace(state, status=event.status)
    else:
        state = _counted(steps, state, event.frame_ms)
    return _moved(steps, _judged(state))


def resumed(steps: Steps, state: State, at_ms: int, at: int) -> State:
    """Return the state of an app that could not open the tier it was to step to.

    Args:
        steps: What does not change.
        state: That asked for the step.
        at_ms: Now.
        at: Place of the tier that still runs.
    """
    now_ms = max(at_ms, state.now_ms)
    back = dataclasses.replace(state, at=min(at, steps.ceiling), changed_ms=now_ms, now_ms=now_ms)
    return _forgotten(back)


def _forgotten(state: State) -> State:
    """Return a state that knows nothing of what lasted."""
    return dataclasses.replace(
        state, trouble_ms=None, calm_ms=None, window_ms=None, frames=0, late=0, pace="unknown"
    )


def _counted(steps: Steps, state: State, frame_ms: float) -> State:
    """Return a state that has one frame more; a window that is over is judged with it."""
    is_late = steps.limit_ms is not None and frame_ms > steps.limit_ms
    begun_ms = state.now_ms if state.window_ms is None else state.window_ms
    frames, late = state.frames + 1, state.late + is_late
    if state.now_ms - begun_ms < WINDOW_MS:
        return dataclasses.replace(state, window_ms=begun_ms, frames=frames, late=late)
    return dataclasses.replace(
        state, window_ms=state.now_ms, frames=0, late=0, pace=_pace(frames, late)
    )


def _pace(frames: int, late: int) -> Pace:
    if frames < LEAST_FRAMES:
        # A tier so slow that few frames end in a window is late, not unknown.
        return "late" if late * 2 > frames else "unknown"
    if late * LATE_ONE_IN >= frames:
        return "late"
    return "timely" if late * TIMELY_ONE_IN <= frames else "between"


def _judged(state: State) -> State:
    """Return a state that knows since when there is trouble or calm."""
    status = 0 if state.status is None else state.status
    trouble = status >= SEVERE or state.pace == "late"
    calm = not trouble and status <= WARMEST_CALM and state.pace == "timely"
    return dataclasses.replace(
        state,
        trouble_ms=(state.now_ms if state.trouble_ms is None else state.trouble_ms)
        if trouble
        else None,
        calm_ms=(state.now_ms if state.calm_ms is None else state.calm_ms) if calm else None,
    )


def _moved(steps: Steps, state: State) -> State:
    ran_ms = state.now_ms - state.changed_ms
    if state.trouble_ms is not None:
        patience_ms = 0 if (state.status or 0) >= CRITICAL else TROUBLE_MS
        lasted = state.now_ms - state.trouble_ms >= patience_ms
        if lasted and ran_ms >= DOWN_DWELL_MS and state.at > 0:
            return _down(state, ran_ms)
    if state.calm_ms is not None:
        lasted = state.now_ms - state.calm_ms >= state.needed_ms
        if lasted and ran_ms >= UP_DWELL_MS and state.at < steps.ceiling:
            return _changed(state, state.at + 1, "up", state.needed_ms)
    return state


def _down(state: State, ran_ms: int) -> State:
    relapsed = state.last == "up" and ran_ms <= RELAPSE_MS
    if relapsed:
        needed_ms = min(2 * state.needed_ms, MOST_CALM_MS)
    else:
        needed_ms = state.needed_ms if state.last == "down" else CALM_MS
    return _changed(state, state.at - 1, "down", needed_ms)


def _changed(state: State, at: int, last: Direction, needed_ms: int) -> State:
    return dataclasses.replace(
        _forgotten(state), at=at, changed_ms=state.now_ms, last=last, needed_ms=needed_ms
    )
