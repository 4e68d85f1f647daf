"""``pocketmatte evaluate`` on every network but rvm, whose tests are in ``test_evaluate.py``."""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as samples

from export.manifest import FILE_NAME
from pocketmatte.cli import run
from pocketmatte.protocols import PROTOCOLS
from tiers.checkpoint import write_safetensors
from tiers.ladder import tier
from tiers.weights import PLAIN_FORMAT, untrained

# What each network is measured on: the folders of pictures and of truths.
LAYOUTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "foreground": ("image", "mask"),
        "fusion": ("frames", "masks"),
        "scribble": ("image", "alpha"),
        "propagation": ("frames", "masks"),
        "trimap": ("frames", "alpha"),
        "stfam": ("frames", "alpha"),
        "matanyone": ("frames", "alpha"),
    }
)


# Of one picture or three frames; what is given, and what DAVIS leaves out, is not counted.
COUNTED = MappingProxyType(
    {"foreground": 1, "fusion": 1, "scribble": 1, "propagation": 1,
     "trimap": 2, "stfam": 3, "matanyone": 3}
)  # fmt: skip


def weights_of(network: str, folder: Path) -> Path:
    path = folder / f"{network}.safetensors"
    metadata = {"format": PLAIN_FORMAT, "network": network, "origin": "seeded for a test"}
    write_safetensors(path, untrained(tier(network, "t01")).tensors, metadata)
    return path


def make_data(path: Path, network: str, count: int = 3) -> Path:
    """A photographed person who moves two pixels a frame, and an egg for her head."""
    picture = samples.astronaut()  # type: ignore[no-untyped-call]
    rows, columns = np.ogrid[:120, :200]
    pictures, truths = LAYOUTS[network]
    for index in range(count):
        left = 100 + 2 * index
        centre = 225 - left
        egg = ((rows - 80) / 70) ** 2 + ((columns - centre) / 45) ** 2 < 1
        for folder, content in (
            (pictures, np.ascontiguousarray(picture[20:140, left : left + 200])),
            (truths, egg.astype(np.uint8) * 255),
        ):
            (path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(path / folder / f"{index:03}.png")
    return path


def evaluated(cli: Callable[..., Any], network: str, *words: object) -> Any:
    said = cli("evaluate", network, "--tier", "t01", *words, "--json")
    assert said.code == 0, said.err
    (entry,) = said.json()
    return entry


@pytest.mark.parametrize("network", LAYOUTS)
def test_every_network_is_measured_from_pytorch(
    cli: Callable[..., Any], tmp_path: Path, network: str
) -> None:
    stills = network in {"foreground", "scribble"}
    data = make_data(tmp_path / "data", network, count=1 if stills else 3)
    entry = evaluated(cli, network, "--clips", data, "--weights", weights_of(network, tmp_path))
    (result,) = entry["clips"]
    assert (entry["network"], entry["tier"], entry["runtime"]) == (network, "t01", "torch")
    assert entry["weights"]["origin"] == "seeded for a test"
    assert result["clip"] == "data"
    assert result["frames"] == COUNTED[network]
    values = {**result["metrics"], **result["baselines"]}
    mean = {**entry["mean"]["metrics"], **entry["mean"]["baselines"]}
    for column in PROTOCOLS[network].columns:
        assert math.isfinite(values[column.name])
        assert mean[column.name] == pytest.approx(values[column.name])


def test_the_table_shows_every_column_and_the_mean_over_objects(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    one = make_data(tmp_path / "one", "propagation")
    two = make_data(tmp_path / "two", "propagation")
    first = np.asarray(Image.open(two / "masks" / "000.png")).copy()
    first[:10, :40] = 7
    Image.fromarray(first).save(two / "masks" / "000.png")
    words = ("--clips", one, two, "--weights", weights_of("propagation", tmp_path))
    entry = evaluated(cli, "propagation", *words)
    found = [clip["metrics"]["j"] for clip in entry["clips"]]
    assert [clip["weight"] for clip in entry["clips"]] == [1, 2]
    assert entry["mean"]["metrics"]["j"] == pytest.approx((found[0] + 2 * found[1]) / 3)
    said = cli("evaluate", "propagation", "--tier", "t01", *words)
    head, *rows = [line.split() for line in said.out.splitlines() if line.strip()]
    assert head[:4] == ["tier", "clip", "frames", "J"]
    assert [row[:4] for row in rows] == [
        ["t01", "one", "1", f"{found[0]:.3f}"],
        ["t01", "two", "1", f"{found[1]:.3f}"],
        ["t01", "mean", "-", f"{entry['mean']['metrics']['j']:.3f}"],
    ]


def test_every_picture_counts_once_in_a_mean_over_folders(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    one = make_data(tmp_path / "one", "foreground", count=1)
    three = make_data(tmp_path / "three", "foreground", count=3)
    words = ("--clips", one, three, "--weights", weights_of("foreground", tmp_path))
    entry = evaluated(cli, "foreground", *words)
    alone, several = (clip["baselines"]["prior_miou"] for clip in entry["clips"])
    assert [clip["weight"] for clip in entry["clips"]] == [1, 3]
    assert alone < 0.5 < several
    assert entry["mean"]["baselines"]["prior_miou"] == pytest.approx((alone + 3 * several) / 4)


def test_the_same_data_gives_the_same_scores(cli: Callable[..., Any], tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", "scribble", count=1)
    words = ("--clips", data, "--weights", weights_of("scribble", tmp_path))
    assert evaluated(cli, "scribble", *words) == evaluated(cli, "scribble", *words)


@pytest.fixture(scope="module")
def fusion_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of a network of two programs: t01 as ONNX."""
    folder = tmp_path_factory.mktemp("fusion")
    out = folder / "bundle"
    words = [
        "build",
        "--network",
        "fusion",
        "--tier",
        "t01",
        "--format",
        "onnx",
        "--recipe",
        "fp32",
    ]
    assert run([*words, "--weights", str(weights_of("fusion", folder)), "--out", str(out)]) == 0
    torch.set_num_threads(1)
    return out


def test_a_bundle_of_several_programs_scores_what_pytorch_scores(
    cli: Callable[..., Any], fusion_bundle: Path, tmp_path: Path
) -> None:
    data = make_data(tmp_path / "data", "fusion", count=4)
    words = ("--bundle", fusion_bundle, "--runtime", "onnxruntime")
    found = evaluated(cli, "fusion", "--clips", data, *words)
    wanted = evaluated(cli, "fusion", "--clips", data, "--weights", weights_of("fusion", tmp_path))
    assert found["runtime"] == "onnxruntime"
    assert found["weights"] == wanted["weights"]
    for part in ("metrics", "baselines"):
        assert found["mean"][part] == pytest.approx(wanted["mean"][part], abs=1e-3)


def listed(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest's entry of the first program."""
    manifest = json.loads((bundle / FILE_NAME).read_text())
    change(manifest)
    (bundle / FILE_NAME).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (
            lambda b: (b / "fusion" / "t01" / "attend-fp32.onnx").unlink(),
            1,
            "fusion/t01/attend-fp32.onnx: missing from ",
        ),
        (
            lambda b: listed(b, lambda m: m["artifacts"].pop(0)),
            2,
            "{bundle} holds no attend of fusion t01 as onnx fp32; the whole network is needed",
        ),
        (
            lambda b: listed(b, lambda m: m["artifacts"].clear()),
            2,
            "{bundle} holds no onnx fp32 landscape file of t01; of this tier it holds nothing",
        ),
        (
            lambda b: listed(b, lambda m: m["weights"][0].update(path=None)),
            1,
            "fusion/t01/attend-fp32.onnx was built from untrained weights; build it with",
        ),
    ],
)
def test_a_bundle_that_lacks_something_is_refused(
    cli: Callable[..., Any],
    fusion_bundle: Path,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    code: int,
    message: str,
) -> None:
    bundle = shutil.copytree(fusion_bundle, tmp_path / "bundle")
    spoil(bundle)
    data = make_data(tmp_path / "data", "fusion")
    words = ("--bundle", bundle, "--runtime", "onnxruntime")
    said = cli("evaluate", "fusion", "--tier", "t01", "--clips", data, *words)
    assert said.refusal(code).startswith(message.format(bundle=bundle))


def test_a_folder_that_the_network_is_not_measured_on_is_refused(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    data = make_data(tmp_path / "data", "foreground")
    said = cli("evaluate", "propagation", "--tier", "t01", "--clips", data)
    message = "there is no such folder; a clip holds frames/ and alpha/ or masks/"
    assert said.refusal(2) == f"{data / 'frames'}: {message}"


def test_a_network_without_trained_weights_is_refused(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    data = make_data(tmp_path / "data", "fusion")
    said = cli("evaluate", "fusion", "--tier", "t12", "--clips", data)
    assert said.refusal(1).startswith("no trained weights of t12 are shipped; give --weights FILE")
