"""What the released U2NETP finds in photographs, through its import and the shared front end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional

from pocketmatte.cli import run
from pocketmatte.lockstep import run_of
from pocketmatte.matting.foreground import Segmenter
from pocketmatte.pictures import read_matte, read_picture
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.segmentation_metrics import mean_iou
from tiers.contract_table import contracts
from tiers.ladder import tier
from tiers.networks import programs
from tiers.weights import load, network_of

SPEC = tier("foreground", "t12")
EVERY = 5  # of each folder, sorted by name, every fifth picture is for evaluation
MOST = 8  # pictures a folder; one takes about a second

Picture = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def segmenter(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    checkpoint = shared_dir / "weights" / "u2netp_fp16.pth"
    if not checkpoint.is_file():
        pytest.skip(f"needs {checkpoint}")
    out = tmp_path_factory.mktemp("imported") / "u2netp.safetensors"
    assert run(["import", "foreground", str(checkpoint), "--out", str(out)]) == 0
    torch.set_num_threads(1)
    weights = load(out, "foreground")
    assert weights.licence == "Apache-2.0"
    (contract,) = contracts(SPEC)
    program = programs(network_of(SPEC, weights), SPEC)["segment"]
    return Segmenter(SPEC, run_of({"segment": TorchSession(program, contract, 1)}))


def resized(picture: Picture, size_hw: tuple[int, int]) -> Picture:
    """Resize ``(1, C, H, W)`` as an app would: to the tier's square, and a mask back from it."""
    given = torch.from_numpy(picture)
    found = functional.interpolate(given, size_hw, mode="bilinear", antialias=True).clamp(0, 1)
    return np.ascontiguousarray(found.numpy())


def segmented(segmenter: Segmenter, path: Path) -> tuple[Picture, Picture]:
    """Return the mask found in a picture and the true one, both of the picture's own size."""
    picture = read_picture(path).astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255)
    true = read_matte(path.parents[1] / "mask" / f"{path.stem}.png").astype(
        np.float32
    ) / np.float32(255)
    mask = segmenter.segment(resized(np.ascontiguousarray(picture), SPEC.output_hw))
    return resized(mask, (true.shape[0], true.shape[1]))[0, 0], true


@pytest.mark.parametrize(
    ("name", "floor"),
    # Measured over all evaluation pictures of the folder: 0.935 of 36, 0.639 of 5, 0.665 of 4 and
    # 0.821 of 8. To call everything foreground gives 0.23, 0.23, 0.39 and 0.31.
    [
        ("ccp", 0.85),
        ("coco_object", 0.5),
        ("coco_person", 0.5),
        ("human_seg_unclear", 0.7),
    ],
)
def test_the_released_weights_find_the_subject(
    name: str,
    floor: float,
    segmenter: Segmenter,
    shared_dir: Path,
    record_property: Callable[[str, object], None],
) -> None:
    folder = shared_dir / "data" / "images" / name / "image"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    paths = sorted(folder.iterdir())[::EVERY][:MOST]
    pairs = [segmented(segmenter, path) for path in paths]
    found = mean_iou(pairs)
    everything = mean_iou((np.ones_like(true), true) for _, true in pairs)
    record_property(f"mIoU of {len(pairs)} pictures", round(found, 3))
    record_property("mIoU of everything", round(everything, 3))
    assert found >= floor
    assert found > everything + 0.1
