import subprocess
import sys
from pathlib import Path

import pytest

from export.targets import TARGETS, target
from tiers.errors import UnknownFormatError


def test_an_unknown_format_is_refused_with_the_list() -> None:
    listed = "onnx, coreml, coreml-image, executorch"
    with pytest.raises(UnknownFormatError, match=f"no format 'tflite'; there are {listed}"):
        target("tflite")


def test_a_target_is_found_by_its_name_and_no_two_share_a_suffix() -> None:
    assert target("onnx") is TARGETS["onnx"]
    assert len({row.suffix for row in TARGETS.values()}) == len(TARGETS)


def test_listing_the_formats_needs_no_torch(root: Path) -> None:
    code = "import export.targets, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
