"""Core ML packages through ``pocketmatte verify``: sound ones pass, changed ones do not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from coremltools.proto import Model_pb2

from export.artifact import sha256_of, size_bytes_of
from export.manifest import FILE_NAME
from pocketmatte.cli import run
from pocketmatte.mlprogram.program import Reference
from pocketmatte.mlprogram.read import read_package

TENSORS, IMAGES = "rvm/t01/matte-fp32.mlpackage", "rvm/t01/matte-fp32.image.mlpackage"
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, t01_weights: Path) -> Path:
    out = tmp_path_factory.mktemp("made") / "bundle"
    words = ["build", "--network", "rvm", "--tier", "t01", "--format", "coreml,coreml-image"]
    assert run([*words, "--recipe", "fp32", "--weights", str(t01_weights), "--out", str(out)]) == 0
    torch.set_num_threads(1)
    return out


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the bundle to change."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def vouch(bundle: Path, name: str) -> None:
    """Make the manifest say of a changed package that it was built so."""
    path = bundle / FILE_NAME
    content = json.loads(path.read_text())
    (entry,) = (each for each in content["artifacts"] if each["path"] == name)
    entry.update(sha256=sha256_of(bundle / name), size_bytes=size_bytes_of(bundle / name))
    path.write_text(json.dumps(content))


def change(bundle: Path, name: str, edit: Callable[[list[Any]], object]) -> None:
    """Change the operations of a package, and let the manifest vouch for it."""
    model = Model_pb2.Model()
    model.ParseFromString((bundle / name / MODEL).read_bytes())
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    edit(list(block.operations))
    (bundle / name / MODEL).write_bytes(model.SerializeToString())
    vouch(bundle, name)


def verified(cli: Callable[..., Any], bundle: Path) -> dict[str, tuple[str, str]]:
    said = cli("verify", bundle, "--frames", 2, "--json")
    found = {each["path"]: each for each in said.json()["artifacts"]}
    assert said.code == int(any(each["status"] == "failed" for each in found.values()))
    return {name: (each["status"], " ".join(each["reasons"])) for name, each in found.items()}


def test_packages_of_tensors_and_of_images_are_evaluated(
    cli: Callable[..., Any], made: Path
) -> None:
    assert verified(cli, made) == {TENSORS: ("evaluated", ""), IMAGES: ("evaluated", "")}
    parities = {
        each["path"]: each["parity"]
        for each in json.loads((made / "results" / "parity.json").read_text())["artifacts"]
    }
    assert parities[TENSORS]["max_abs"]["alpha"] < 5e-5
    # of two values next to each other one may be rounded up and the other one down, no more
    assert parities[IMAGES]["max_abs"]["alpha"] == pytest.approx(1 / 255, rel=1e-4) or (
        parities[IMAGES]["max_abs"]["alpha"] == 0
    )
    assert parities[IMAGES]["max_abs"]["r1_next"] < 5e-5
    assert all(parity["notes"] == [] for parity in parities.values())


def test_a_changed_weight_byte_that_the_manifest_vouches_for_fails(
    cli: Callable[..., Any], own: Path
) -> None:
    function = read_package(own / TENSORS).functions["main"]
    constants = {
        operation.name: operation.attributes["val"].value
        for operation in function.body.operations
        if operation.kind == "const"
    }
    named = [each.inputs["weight"][0] for each in function.body.operations if each.kind == "conv"]
    weight = next(constants[each.name] for each in named if isinstance(each, Reference))
    assert isinstance(weight, torch.Tensor)  # of the first convolution, on which all else rests
    data = bytearray((own / TENSORS / WEIGHTS).read_bytes())
    start = data.index(weight.numpy().tobytes())
    byte = start + 4 * int(weight.abs().argmax()) + 3
    data[byte] ^= 0x80  # the sign of its largest weight
    (own / TENSORS / WEIGHTS).write_bytes(bytes(data))
    changed = verified(cli, own)
    assert changed[TENSORS][0] == "failed"
    assert "it changed since it was built" in changed[TENSORS][1]
    vouch(own, TENSORS)
    vouched = verified(cli, own)
    assert vouched[TENSORS][0] == "failed"
    assert "; the limit is " in vouched[TENSORS][1]
    assert vouched[IMAGES] == ("evaluated", "")


def test_a_changed_resize_mode_that_the_manifest_vouches_for_fails(
    cli: Callable[..., Any], own: Path
) -> None:
    def misalign(operations: list[Any]) -> None:
        resize = next(each for each in operations if each.type == "upsample_bilinear")
        (binding,) = resize.inputs["align_corners"].arguments
        (flag,) = (each for each in operations if each.outputs[0].name == binding.name)
        truth = flag.attributes["val"].immediateValue.tensor.bools
        assert list(truth.values) == [False]
        truth.values[0] = True

    change(own, TENSORS, misalign)
    found = verified(cli, own)
    assert found[TENSORS][0] == "failed"
    assert "max abs of alpha is " in found[TENSORS][1]
    assert "; the limit is 5.0e-05" in found[TENSORS][1]
    assert found[IMAGES] == ("evaluated", "")


def test_a_package_whose_images_are_a_little_dark_fails(cli: Callable[..., Any], own: Path) -> None:
    def darken(operations: list[Any]) -> None:
        scale = next(each for each in operations if each.outputs[0].name == "alpha")
        (binding,) = scale.inputs["y"].arguments
        (factor,) = (each for each in operations if each.outputs[0].name == binding.name)
        values = factor.attributes["val"].immediateValue.tensor.floats.values
        assert list(values) == [255.0]
        values[0] = 225.0

    change(own, IMAGES, darken)
    found = verified(cli, own)
    assert found[IMAGES][0] == "failed"
    assert "max abs of alpha is " in found[IMAGES][1]
    assert "; the limit is 3.9e-03" in found[IMAGES][1]
    assert found[TENSORS] == ("evaluated", "")
