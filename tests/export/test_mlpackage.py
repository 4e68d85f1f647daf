import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from export.mlpackage import check_mlpackage
from export.program import Captured
from export.recipe import recipe
from export.targets import Notes
from tiers.errors import BundleError

Files = Callable[[str, str], tuple[Path, Notes]]
MODEL = "Data/com.apple.CoreML/model.mlmodel"


@pytest.fixture
def copied(files: Files, tmp_path: Path) -> Path:
    return shutil.copytree(files("coreml", "fp16")[0], tmp_path / "matte.mlpackage")


def refused(path: Path, captured: Mapping[str, Captured]) -> str:
    with pytest.raises(BundleError) as caught:
        check_mlpackage(path, captured["fp16"].contract, recipe("fp16"))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    assert "()" not in message
    return message


@pytest.mark.parametrize("seed", range(5))
def test_a_model_of_random_bytes_is_refused(
    copied: Path, captured: Mapping[str, Captured], seed: int
) -> None:
    (copied / MODEL).write_bytes(random.Random(seed).randbytes(1000))
    refused(copied, captured)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_model_is_refused(
    copied: Path, captured: Mapping[str, Captured], kept: float
) -> None:
    model = copied / MODEL
    data = model.read_bytes()
    model.write_bytes(data[: int(kept * len(data))])
    refused(copied, captured)
