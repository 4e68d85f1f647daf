"""The native runner for 64-bit Arm, over the real adb, on an emulated processor.

The one test here in which nothing stands in for the runner. The device is still no Android.
"""

from pathlib import Path

from pocketmatte.harness.reading import read_result
from tests.adb.scenario import NAME, benched, connected, native, order
from tests.adb.small_bundle import FRAMES, RECIPES, write_bundle
from tests.native.programs import times


def test_the_runner_for_arm_runs_over_adb_and_its_result_is_kept(
    arm_runner: Path, adb: str, tmp_path: Path
) -> None:
    assert adb
    bundle = write_bundle(tmp_path / "bundle", program=times(0.5))
    with connected(tmp_path / "device") as device:
        emulator = (device.settings / "getprop.txt").read_text() + "[ro.kernel.qemu]: [1]\n"
        (device.settings / "getprop.txt").write_text(emulator)
        outcomes = benched(order(bundle), native(arm_runner), device)
        assert [(each.status, each.error) for each in outcomes] == [("ok", None)] * len(RECIPES)
        assert device.left() == []
    result = read_result(outcomes[0].path or tmp_path)
    assert result.run_id.startswith(NAME)
    assert result.parity is not None
    assert result.parity.frames == FRAMES
    assert [(each.name, each.psnr_db) for each in result.parity.outputs] == [("alpha", None)]
    assert result.execution.delegate_actual == "XnnpackBackend"
    assert (result.device.emulator, result.validity.latency_valid) == (True, False)
    assert result.memory is not None
