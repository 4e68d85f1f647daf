"""The native runner for 64-bit Arm, over the real adb, on an emulated processor.

The one test here in which nothing stands in for the runner. The device is still no Android.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pocketmatte.harness.result import read_result
from pocketmatte.native.tools import unemulatable
from pocketmatte.runtimes.arm64 import BUILT
from tests.adb.scenario import NAME, benched, connected, native, order
from tests.adb.small_bundle import FRAMES, RECIPES, SHAPE, write_bundle


class Half(nn.Module):
    def forward(self, frame: Tensor) -> Tensor:
        return frame * 0.5


@pytest.fixture(scope="module")
def arm64_runner(root: Path) -> Path:
    """Return the folder that ``pocketmatte runner`` wrote for 64-bit Arm, or skip."""
    folder = root / BUILT / "linux-aarch64"
    if reason := unemulatable():
        pytest.skip(f"not run: {reason}")
    if not (folder / "runner").is_file():
        pytest.skip("not run: no build/native/linux-aarch64 (make it: pocketmatte runner)")
    return folder


@pytest.fixture(scope="module")
def half() -> bytes:
    """Return a program that halves its frame, lowered to XNNPACK."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(Half().eval(), (torch.zeros(SHAPE),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    return bytes(lowered.to_executorch().buffer)


def test_the_runner_for_arm_runs_over_adb_and_its_result_is_kept(
    arm64_runner: Path, half: bytes, adb: str, tmp_path: Path
) -> None:
    assert adb
    bundle = write_bundle(tmp_path / "bundle", program=half)
    with connected(tmp_path / "device") as device:
        emulator = (device.settings / "getprop.txt").read_text() + "[ro.kernel.qemu]: [1]\n"
        (device.settings / "getprop.txt").write_text(emulator)
        outcomes = benched(order(bundle), native(arm64_runner), device)
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
