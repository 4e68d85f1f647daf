"""Instructions on an emulated processor: exact, and never called a latency."""

from pathlib import Path

import numpy as np
import pytest

from pocketmatte.native.counting import instructions_of
from pocketmatte.native.emulation import CPUS
from pocketmatte.native.runs import Subject, emulated_run, host_run
from tests.adb.small_bundle import write_bundle
from tests.native.programs import contract, times
from tiers.errors import RuntimeUnavailableError


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    bundle = write_bundle(tmp_path_factory.mktemp("emulated") / "bundle", program=times(0.5))
    return Subject(
        bundle=bundle, network="rvm", tier="t01", orientation="landscape", recipe="fp32",
        trace=bundle / "traces" / "rvm" / "t01",
    )  # fmt: skip


def test_the_instructions_of_a_frame_repeat_exactly(arm_runner: Path, subject: Subject) -> None:
    runs = [emulated_run(arm_runner, CPUS["cortex-a76"], subject) for _ in range(2)]
    first, second = (result.instructions_per_frame for result in runs)
    assert first is not None
    assert first == second
    assert first > 1000


def test_the_instructions_of_a_file_repeat_exactly(arm_runner: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.pte"
    path.write_bytes(times(0.5))
    given = {"frame": np.full((1, 1, 4, 8), 0.5, dtype=np.float32)}
    model = CPUS["cortex-a76"]
    first, second = (
        instructions_of(path, contract(), given, model, runner=arm_runner) for _ in range(2)
    )
    assert first == second > 1000


def test_without_an_arm_python_an_onnx_file_is_not_counted(
    arm_runner: Path, tmp_path: Path
) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(b"")
    with pytest.raises(RuntimeUnavailableError, match="fetch it with: pocketmatte runner"):
        instructions_of(
            path, contract(), {}, CPUS["cortex-a76"], runner=arm_runner, python=tmp_path / "none"
        )


def test_what_is_emulated_is_no_device_and_its_latency_is_none(
    arm_runner: Path, subject: Subject
) -> None:
    result = emulated_run(arm_runner, CPUS["cortex-a72"], subject)
    assert (result.status, result.execution.process) == ("ok", "emulated")
    assert (result.validity.physical_device, result.validity.latency_valid) == (False, False)


def test_this_machine_gives_the_same_bits(
    arm_runner: Path, host_runner: Path, subject: Subject
) -> None:
    here, there = host_run(host_runner, subject), emulated_run(arm_runner, CPUS["i8mm"], subject)
    assert here.parity is not None
    assert there.parity is not None
    assert here.parity.sha256 == there.parity.sha256
    assert here.instructions_per_frame is None


def test_a_run_without_a_result_is_said(host_runner: Path, subject: Subject) -> None:
    import dataclasses

    other = dataclasses.replace(subject, recipe="fp16")
    with pytest.raises(RuntimeUnavailableError, match="no result: the bundle has no executorch"):
        host_run(host_runner, other)
