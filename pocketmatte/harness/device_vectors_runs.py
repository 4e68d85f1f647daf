"""Vectors of calibrations, of what is remembered of them, and of days in the life of a phone."""

import dataclasses
import json
import random
from collections.abc import Iterator
from typing import Any

from pocketmatte.results import plain
from pocketmatte.selection.on_device.calibrating import (
    Calibrated,
    Trial,
    calibrated,
    tries_higher,
)
from pocketmatte.selection.on_device.deciding import Step
from pocketmatte.selection.on_device.memory import (
    Key,
    Memory,
    is_due,
    memory_text,
    noted,
    recalled,
    remembered,
)
from pocketmatte.selection.on_device.stepping import (
    Frame,
    State,
    Steps,
    Thermal,
    resumed,
    started,
    stepped,
)

_LIMITS = (None, 33.3, 16.6, 100.0, 33.3)
_SHARES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.7000001, 0.84, 0.85, 0.86, 0.99, 1.0, 1.0000001, 1.4, 9.0)
_KEY = Key(device="samsung SM-S928B 11501 MiB", os_build="UP1A.1", app="1.2 (34)",
           lock_sha256="a" * 64, device_sha256="b" * 64)  # fmt: skip


def calibrations() -> Iterator[dict[str, Any]]:
    """Yield runs of what was taken and of the tier above, and what follows from them."""
    drawn = random.Random(15)
    for _ in range(320):
        held = drawn.choice((1, 2, 3, 3))
        at, limit_ms = drawn.randrange(held), drawn.choice(_LIMITS)
        own = _trial(drawn, limit_ms or 33.3)
        higher = drawn.choice((None, _trial(drawn, limit_ms or 33.3)))
        yield {
            "held": held, "at": at, "limit_ms": limit_ms, "own": plain(own),
            "higher": None if higher is None else plain(higher),
            "expected": plain(calibrated(held, at, limit_ms, own, higher)),
            "tries_higher": tries_higher(held, at, limit_ms, own),
        }  # fmt: skip


def _trial(drawn: random.Random, limit_ms: float) -> Trial:
    good = Trial(
        ended="done", physical_device=True, debuggable=drawn.choice((False, None)),
        runs=drawn.choice((30, 60)), seconds=drawn.choice((2.0, 2.5)),
        hottest=drawn.choice((0, 1, 1, None)), p95_ms=limit_ms * drawn.choice(_SHARES),
    )  # fmt: skip
    if drawn.random() < 0.85:
        return good
    return drawn.choice(
        (
            dataclasses.replace(good, ended="cancelled"),
            dataclasses.replace(good, ended="failed", p95_ms=None),
            dataclasses.replace(good, physical_device=False),
            dataclasses.replace(good, debuggable=True),
            dataclasses.replace(good, runs=29),
            dataclasses.replace(good, seconds=1.999),
            dataclasses.replace(good, hottest=2),
            dataclasses.replace(good, p95_ms=None),
        )
    )


def memories() -> Iterator[dict[str, Any]]:
    """Yield files of what is remembered, some damaged, and what an app makes of them."""
    drawn = random.Random(16)
    for _ in range(120):
        memory = Memory(schema_version=1, key=_other_key(drawn), entries=())
        steps = _steps(drawn)
        at = drawn.randrange(len(steps))
        for _ in range(drawn.randrange(5)):
            memory = noted(memory, drawn.choice(("rvm", "fusion")), steps, at, _found(drawn, at))
        text = _spoilt(drawn, memory_text(memory))
        if drawn.random() < 0.3:
            steps = _steps(drawn)
            at = drawn.randrange(len(steps))
        read = recalled(text.encode(), _KEY)
        found = _found(drawn, at) if at + 1 < len(steps) and at > 0 else _stays(drawn, at)
        after = noted(read, "rvm", steps, at, found)
        yield {
            "text": text, "key": plain(_KEY), "network": "rvm", "at": at, "found": plain(found),
            "steps": [[each.tier, each.recipe] for each in steps],
            "expected": {
                "remembered": remembered(read, "rvm", steps, at),
                "is_due": is_due(read, "rvm", steps, at),
                "entries": [plain(each) for each in after.entries],
            },
        }  # fmt: skip


def _other_key(drawn: random.Random) -> Key:
    if drawn.random() < 0.7:
        return _KEY
    field = drawn.choice([each.name for each in dataclasses.fields(Key)])
    return dataclasses.replace(_KEY, **{field: "other"})


def _steps(drawn: random.Random) -> list[Step]:
    tiers = sorted(drawn.sample(range(3, 7), drawn.randrange(1, 4)))
    return [
        Step(tier=f"t{tier:02}", format="onnx", recipe=drawn.choice(("fp16", "fp16", "w8")),
             files=())
        for tier in tiers
    ]  # fmt: skip


def _found(drawn: random.Random, at: int) -> Calibrated:
    if at == 0 or drawn.random() < 0.3:
        return _stays(drawn, at)
    return Calibrated(at=at - 1, why="too_slow", valid=True)


def _stays(drawn: random.Random, at: int) -> Calibrated:
    kept = Calibrated(at=at, why="kept", valid=True)
    return drawn.choice((kept, Calibrated(at=at, why="thermal_ok", valid=False)))


def _spoilt(drawn: random.Random, text: str) -> str:
    value = json.loads(text)
    kind = drawn.randrange(16)
    if kind == 0:
        return text[: drawn.randrange(len(text))]
    if kind == 1:
        value["schema_version"] = drawn.choice((0, 2, "1", None))
    if kind == 2:
        value["entries"] = drawn.choice((None, {}, [1], [{}]))
    if kind == 3:
        value["key"] = drawn.choice((None, {}, "any"))
    if kind == 4:
        for each in value["entries"]:
            each["attempts"] = drawn.choice((-1, "1", 3, 2))
    if kind == 5:
        for each in value["entries"]:
            each["tier"] = drawn.choice(("t13", "t05", 4, None))
    return json.dumps(value)


def thermals() -> Iterator[dict[str, Any]]:
    """Yield what a phone says in the course of minutes, and where the machine goes."""
    yield _relapsing()
    drawn = random.Random(17)
    for number in range(60):
        steps = Steps(ceiling=drawn.randrange(4), limit_ms=drawn.choice((None, 33.3, 33.3, 200.0)))
        begun_ms = drawn.choice((0, 1_000, 5_000_000_000))
        state = first = started(steps, begun_ms, drawn.choice((None, 0, 1, 3)))
        events: list[dict[str, Any]] = []
        changes: list[dict[str, int]] = []
        warmth = 0.0
        for _ in range(drawn.randrange(8, 32)):
            event = _event(drawn, number, state, steps, warmth)
            events.append(event)
            before = state.at
            state, found = _played(steps, state, event)
            changes += found
            warmth = max(0.0, warmth + (state.at - 1) * 0.4 + drawn.uniform(-0.5, 0.5))
            if state.at < before and drawn.random() < 0.2:
                events.append({"kind": "refused", "at_ms": state.now_ms + 5, "at": before})
                state = resumed(steps, state, state.now_ms + 5, before)
                changes.append({"at_ms": state.now_ms, "at": state.at})
        yield {
            "steps": plain(steps), "begun_ms": begun_ms, "status": first.status, "events": events,
            "changes": changes, "end": plain(state),
        }  # fmt: skip


def _relapsing() -> dict[str, Any]:
    """Return a phone that keeps no higher tier for long, whatever the calm before."""
    steps = Steps(ceiling=1, limit_ms=33.3)
    state = started(steps, 0, 0)
    events: list[dict[str, Any]] = []
    changes: list[dict[str, int]] = []
    while len(changes) < 12:
        event = {"kind": "frames", "at_ms": state.now_ms + 250, "every_ms": 250, "count": 1,
                 "frame_ms": 40.0 if state.at else 20.0, "late_one_in": 0}  # fmt: skip
        state, found = _played(steps, state, event)
        changes += found
        if events and events[-1]["frame_ms"] == event["frame_ms"]:
            events[-1]["count"] += 1
        else:
            events.append(event)
    return {"steps": plain(steps), "begun_ms": 0, "status": 0, "events": events,
            "changes": changes, "end": plain(state)}  # fmt: skip


def _event(
    drawn: random.Random, number: int, state: State, steps: Steps, warmth: float
) -> dict[str, Any]:
    """Return the next event: of a phone that its tier warms, or of one that says anything."""
    if drawn.random() < 0.35:
        status = min(6, int(warmth)) if number % 2 else drawn.choice((None, 0, 0, 0, 1, 2, 3, 4, 6))
        at_ms = state.now_ms + drawn.choice((0, 1, 500, 4_000, 6_000, 900_000, -70))
        return {"kind": "thermal", "at_ms": at_ms, "status": status}
    every_ms = drawn.choice((33, 100, 250, 250, 700))
    limit_ms = steps.limit_ms or 33.3
    late = drawn.random() < (0.5 if number % 3 else 0.05)
    return {
        "kind": "frames", "at_ms": state.now_ms + every_ms, "every_ms": every_ms,
        "count": drawn.choice((3, 40, min(3_000, 260_000 // every_ms))),
        "frame_ms": limit_ms * 1.25 if late else limit_ms * drawn.choice((0.4, 0.9, 1.0)),
        "late_one_in": drawn.choice((0, 0, 0, 3, 4, 5, 19, 20, 21)),
    }  # fmt: skip


def _played(
    steps: Steps, state: State, event: dict[str, Any]
) -> tuple[State, list[dict[str, int]]]:
    changes = []
    if event["kind"] == "thermal":
        happened: list[Thermal | Frame] = [Thermal(at_ms=event["at_ms"], status=event["status"])]
    else:
        happened = [
            Frame(at_ms=event["at_ms"] + place * event["every_ms"], frame_ms=_took(event, place))
            for place in range(event["count"])
        ]
    for each in happened:
        before, state = state, stepped(steps, state, each)
        if state.at != before.at:
            changes.append({"at_ms": state.now_ms, "at": state.at})
    return state, changes


def _took(event: dict[str, Any], place: int) -> float:
    """Return what a frame took: one in so many ten times as long, where that is said."""
    one_in = event["late_one_in"]
    ms: float = event["frame_ms"]
    return ms * 10 if one_in and place % one_in == 0 else ms
