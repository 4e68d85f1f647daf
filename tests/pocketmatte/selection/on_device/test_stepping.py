"""The machine that goes down under trouble and up after a calm, whatever happens to it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.selection.on_device.stepping import (
    CALM_MS,
    DOWN_DWELL_MS,
    MOST_CALM_MS,
    TROUBLE_MS,
    UP_DWELL_MS,
    Frame,
    State,
    Steps,
    Thermal,
    started,
    stepped,
)

LIMIT_MS = 33.3
EVERY_MS = 100

PACES = st.lists(
    st.tuples(
        st.sampled_from([None, 0, 1, 2, 3, 4, 6]),
        st.sampled_from([20.0, 33.3, 40.0, float("nan")]),
        st.integers(1, 400),
        st.sampled_from([EVERY_MS, 33, 900, -5, 20_000]),
    ),
    min_size=1,
    max_size=25,
)


def played(
    steps: Steps, state: State, status: int | None, frame_ms: float, count: int,
    every_ms: int = EVERY_MS,
) -> list[State]:  # fmt: skip
    """Return the states after a thermal status and so many equal frames."""
    seen = [stepped(steps, state, Thermal(at_ms=state.now_ms, status=status))]
    for _ in range(count):
        event = Frame(at_ms=seen[-1].now_ms + every_ms, frame_ms=frame_ms)
        seen.append(stepped(steps, seen[-1], event))
    return seen


def seconds(
    steps: Steps, state: State, count: int, *, hot: bool = False, late: bool = False
) -> State:
    """Return the state after so many seconds of one kind."""
    frames = count * 1000 // EVERY_MS
    return played(steps, state, 3 if hot else 0, 40.0 if late else 20.0, frames)[-1]


@settings(deadline=None)
@given(ceiling=st.integers(0, 3), limit_ms=st.sampled_from([None, LIMIT_MS]), paces=PACES)
def test_it_never_oscillates_within_its_dwell_and_never_leaves_what_is_held(
    ceiling: int, limit_ms: float | None, paces: list[tuple[int | None, float, int, int]]
) -> None:
    steps = Steps(ceiling=ceiling, limit_ms=limit_ms)
    seen = [started(steps, 1_000, None)]
    for status, frame_ms, count, every_ms in paces:
        seen += played(steps, seen[-1], status, frame_ms, count, every_ms)
    changed_ms = 1_000
    for before, after in itertools.pairwise(seen):
        assert 0 <= after.at <= ceiling
        assert after.now_ms >= before.now_ms
        if after.at == before.at:
            continue
        assert abs(after.at - before.at) == 1
        least_ms = UP_DWELL_MS if after.at > before.at else DOWN_DWELL_MS
        assert after.now_ms - changed_ms >= least_ms
        changed_ms = after.now_ms


def test_it_is_a_function_of_state_and_event() -> None:
    steps = Steps(ceiling=2, limit_ms=LIMIT_MS)
    state = started(steps, 0, 0)
    event = Frame(at_ms=5, frame_ms=40.0)
    assert stepped(steps, state, event) == stepped(steps, state, event)
    assert state == started(steps, 0, 0)


def test_lasting_heat_and_lasting_stutter_each_step_down_once_a_dwell() -> None:
    steps = Steps(ceiling=2, limit_ms=LIMIT_MS)
    for hot, late in ((True, False), (False, True)):
        state = seconds(steps, started(steps, 0, 0), 30)
        state = seconds(steps, state, TROUBLE_MS // 1000 + 3, hot=hot, late=late)
        assert state.at == 1
        state = seconds(steps, state, DOWN_DWELL_MS // 1000 + 1, hot=hot, late=late)
        assert state.at == 0
        assert seconds(steps, state, 300, hot=hot, late=late).at == 0


def test_a_moment_of_trouble_changes_nothing() -> None:
    steps = Steps(ceiling=2, limit_ms=LIMIT_MS)
    state = seconds(steps, started(steps, 0, 0), 30)
    for _ in range(20):
        state = seconds(steps, state, 3, hot=True)
        state = seconds(steps, state, 5)
    assert state.at == 2


def test_what_is_critical_does_not_wait() -> None:
    steps = Steps(ceiling=1, limit_ms=LIMIT_MS)
    state = seconds(steps, started(steps, 0, 0), 30)
    assert stepped(steps, state, Thermal(at_ms=state.now_ms, status=3)).at == 1
    assert stepped(steps, state, Thermal(at_ms=state.now_ms, status=4)).at == 0


def test_it_comes_back_after_a_long_calm_and_waits_longer_after_each_relapse() -> None:
    steps = Steps(ceiling=1, limit_ms=LIMIT_MS)
    state = started(steps, 0, 0)
    waits_ms = []
    for _ in range(7):
        while state.at == 1:
            state = seconds(steps, state, 1, late=True)
        down_ms = state.now_ms
        while state.at == 0:
            state = seconds(steps, state, 1)
        waits_ms.append(state.now_ms - down_ms)
    assert waits_ms == sorted(waits_ms)
    assert waits_ms[0] >= max(UP_DWELL_MS, CALM_MS)
    assert waits_ms[-1] == pytest.approx(MOST_CALM_MS, rel=0.01)


def test_a_gap_proves_no_calm() -> None:
    steps = Steps(ceiling=1, limit_ms=LIMIT_MS)
    state = seconds(steps, started(steps, 0, 0), 60, late=True)
    assert state.at == 0
    for _ in range(20):
        state = seconds(steps, state, 30)
        late_ms = state.now_ms + 600_000
        state = stepped(steps, state, Frame(at_ms=late_ms, frame_ms=20.0))
    assert state.at == 0


def test_without_a_budget_heat_alone_steps_down() -> None:
    steps = Steps(ceiling=1, limit_ms=None)
    state = seconds(steps, started(steps, 0, 0), 60, late=True)
    assert state.at == 1
    assert seconds(steps, state, 10, hot=True).at == 0
