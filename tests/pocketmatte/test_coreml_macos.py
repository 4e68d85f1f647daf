import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.runtimes.coreml_macos import from_feature, to_image
from pocketmatte.runtimes.table import RUNTIMES
from tiers.contract import ProgramContract
from tiers.errors import BundleError, RuntimeUnavailableError


@pytest.mark.skipif(sys.platform == "darwin", reason="asks what happens without Core ML")
def test_core_ml_is_unavailable_off_macos_and_says_so(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    reason = RUNTIMES["coreml"].unavailable()
    assert reason == f"Core ML runs on macOS only; this is {sys.platform}"
    with pytest.raises(RuntimeUnavailableError, match="Core ML runs on macOS only"):
        RUNTIMES["coreml"].load(tmp_path, running_contract, threads=1)


def test_a_picture_of_8_bits_survives_the_way_to_core_ml_and_back(
    running_contract: ProgramContract,
) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 16))
    levels = drawn.astype(np.float32) / np.float32(255)
    frame, *_ = running_contract.inputs
    image = to_image(levels)
    assert (image.mode, image.size) == ("RGB", (16, 8))
    np.testing.assert_array_equal(from_feature(frame, image), levels)


@pytest.mark.parametrize("mode", ["L", "F"])
def test_a_grey_image_of_core_ml_becomes_alpha(
    mode: str, running_contract: ProgramContract
) -> None:
    alpha, _ = running_contract.outputs
    image = Image.fromarray(np.full((8, 16), 51, dtype=np.uint8)).convert(mode)
    np.testing.assert_allclose(from_feature(alpha, image), np.full((1, 1, 8, 16), 0.2))


def test_padded_rows_of_core_ml_are_read_element_by_element(
    running_contract: ProgramContract,
) -> None:
    alpha, _ = running_contract.outputs
    padded = np.zeros((1, 1, 8, 32), dtype=np.float32)
    rows = padded[..., :16]
    rows[:] = np.arange(8 * 16).reshape(1, 1, 8, 16)
    assert not rows.flags.c_contiguous
    copied = from_feature(alpha, rows)
    assert copied.flags.c_contiguous
    np.testing.assert_array_equal(copied.ravel(), np.arange(8 * 16))


def test_a_core_ml_output_of_another_shape_is_refused(running_contract: ProgramContract) -> None:
    alpha, _ = running_contract.outputs
    with pytest.raises(BundleError, match=r"gave alpha as \(1, 1, 4, 4\); expected \(1, 1, 8, 16"):
        from_feature(alpha, np.zeros((1, 1, 4, 4), np.float32))
