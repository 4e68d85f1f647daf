"""What is remembered of a calibration, for how long, and how often one is made."""

import dataclasses

import pytest

from pocketmatte.selection.on_device.calibrating import Calibrated
from pocketmatte.selection.on_device.deciding import Step
from pocketmatte.selection.on_device.memory import (
    MOST_ATTEMPTS,
    Key,
    is_due,
    memory_text,
    noted,
    recalled,
    remembered,
)

KEY = Key(device="a phone", os_build="UP1A", app="1", lock_sha256="a" * 64, device_sha256="b" * 64)
STEPS = [Step(tier=tier, format="onnx", recipe="fp16", files=()) for tier in ("t03", "t04", "t05")]
SLOW = Calibrated(at=0, why="too_slow", valid=True)
HOT = Calibrated(at=1, why="thermal_ok", valid=False)


def test_what_was_found_is_remembered_and_not_measured_again() -> None:
    text = memory_text(noted(recalled(None, KEY), "rvm", STEPS, 1, SLOW))
    memory = recalled(text.encode(), KEY)
    assert remembered(memory, "rvm", STEPS, 1) == 0
    assert not is_due(memory, "rvm", STEPS, 1)
    assert is_due(memory, "fusion", STEPS, 1)


@pytest.mark.parametrize("field", [each.name for each in dataclasses.fields(Key)])
def test_another_device_system_app_or_lock_is_measured_anew(field: str) -> None:
    text = memory_text(noted(recalled(None, KEY), "rvm", STEPS, 1, SLOW))
    other = dataclasses.replace(KEY, **{field: "other"})
    memory = recalled(text.encode(), other)
    assert (memory.key, memory.entries) == (other, ())
    assert is_due(memory, "rvm", STEPS, 1)


def test_what_is_held_no_more_is_measured_anew() -> None:
    memory = noted(recalled(None, KEY), "rvm", STEPS, 1, SLOW)
    assert remembered(memory, "rvm", STEPS[1:], 0) is None
    assert is_due(memory, "rvm", STEPS[1:], 0)
    assert is_due(memory, "rvm", STEPS, 2)


def test_a_phone_that_is_always_hot_is_not_asked_for_ever() -> None:
    memory = recalled(None, KEY)
    for _ in range(MOST_ATTEMPTS):
        assert is_due(memory, "rvm", STEPS, 1)
        memory = noted(memory, "rvm", STEPS, 1, HOT)
    assert not is_due(memory, "rvm", STEPS, 1)
    assert remembered(memory, "rvm", STEPS, 1) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"schema_version": 2}', b"null"])
def test_a_damaged_file_is_no_memory(data: bytes) -> None:
    assert recalled(data, KEY).entries == ()
