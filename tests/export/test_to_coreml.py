import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coremltools as ct
import pytest
from coremltools.converters.mil.frontend.milproto.load import load

from export.mlpackage import IMAGE_SUFFIX, check_mlpackage
from export.program import Captured
from export.recipe import FLOATING, recipe
from export.targets import Notes
from tiers.contract_table import contracts
from tiers.errors import BundleError
from tiers.ladder import tier

Files = Callable[[str, str], tuple[Path, Notes]]
FORMATS = ("coreml", "coreml-image")


def _operations(path: Path) -> list[Any]:
    (block,) = (
        ct.utils.load_spec(str(path)).mlProgram.functions["main"].block_specializations.values()
    )
    return list(block.operations)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("precision", FLOATING)
def test_a_package_keeps_its_contract(
    files: Files, captured: Mapping[str, Captured], name: str, precision: str
) -> None:
    check_mlpackage(files(name, precision)[0], captured[precision].contract, recipe(precision))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("precision", FLOATING)
def test_coremltools_infers_the_types_that_a_package_declares(
    files: Files, name: str, precision: str
) -> None:
    path = files(name, precision)[0]
    spec = ct.utils.load_spec(str(path))
    read = load(spec, spec.specificationVersion, str(path / "Data/com.apple.CoreML/weights"))
    declared = [operation.type for operation in _operations(path)]
    assert [operation.op_type for operation in read.functions["main"].operations] == declared


def test_a_half_precision_package_computes_in_half_precision(files: Files) -> None:
    types = Counter(
        output.type.tensorType.dataType
        for operation in _operations(files("coreml", "fp16")[0])
        if operation.type != "const"
        for output in operation.outputs
    )
    assert set(types) == {ct.proto.MIL_pb2.DataType.FLOAT16}


def test_image_outputs_are_scaled_to_255_inside_the_model(files: Files) -> None:
    operations = _operations(files("coreml-image", "fp32")[0])
    constants = {
        operation.outputs[0].name: operation.attributes["val"].immediateValue.tensor.floats.values
        for operation in operations
        if operation.type == "const"
    }
    makers = {output.name: operation for operation in operations for output in operation.outputs}
    for name in ("foreground", "alpha"):
        maker = makers[name]
        assert maker.type == "mul"
        assert list(constants[maker.inputs["y"].arguments[0].name]) == [255.0]


@pytest.mark.parametrize("name", FORMATS)
def test_a_package_carries_the_metadata_and_no_date(
    files: Files, metadata: dict[str, str], name: str, root: Path
) -> None:
    path = files(name, "fp16")[0]
    spec = ct.utils.load_spec(str(path))
    own = dict(spec.description.metadata.userDefined)
    assert own.items() >= metadata.items()
    assert not [key for key in own if "date" in key]
    assert spec.description.input[0].shortDescription == "RGB, sRGB-encoded"
    assert sorted(p.name for p in path.rglob("*") if p.is_file()) == [
        "Manifest.json",
        "model.mlmodel",
        "weight.bin",
    ]
    model = (path / "Data/com.apple.CoreML/model.mlmodel").read_bytes()
    assert str(root).encode() not in model
    assert b"site-packages" not in model


@pytest.fixture
def copied(files: Files, tmp_path: Path) -> Path:
    return shutil.copytree(files("coreml", "fp16")[0], tmp_path / "matte.mlpackage")


def _cut(name: str) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        (file,) = path.rglob(name)
        file.write_bytes(file.read_bytes()[:-1000])

    return cut


def _remove(name: str) -> Callable[[Path], None]:
    def remove(path: Path) -> None:
        (file,) = path.rglob(name)
        file.unlink()

    return remove


def _misname(path: Path) -> None:
    manifest = path / "Manifest.json"
    content = json.loads(manifest.read_text())
    content["rootModelIdentifier"] = "0"
    manifest.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "damage",
    [
        _cut("model.mlmodel"),
        _remove("model.mlmodel"),
        _remove("Manifest.json"),
        _misname,
        shutil.rmtree,
    ],
    ids=["short model", "no model", "no manifest", "root", "gone"],
)
def test_a_damaged_package_is_refused(
    copied: Path, captured: Mapping[str, Captured], damage: Callable[[Path], None]
) -> None:
    damage(copied)
    with pytest.raises(BundleError, match="not a Core ML package that can be read"):
        check_mlpackage(copied, captured["fp16"].contract, recipe("fp16"))


def test_a_package_of_another_tier_precision_or_variant_is_refused(
    copied: Path, captured: Mapping[str, Captured]
) -> None:
    contract = captured["fp16"].contract
    other = contracts(tier("rvm", "t02"))[0]
    with pytest.raises(BundleError, match=r"r1: float16 \(1, 4, 72.*says r1: float16 \(1, 6, 72"):
        check_mlpackage(copied, other, recipe("fp16"))
    with pytest.raises(BundleError, match=r"frame: float16 \(.*its contract says frame: float32"):
        check_mlpackage(copied, contract, recipe("fp32"))
    image = copied.rename(copied.with_name(f"matte{IMAGE_SUFFIX}"))
    with pytest.raises(BundleError, match="its contract says frame: RGB image 512x288"):
        check_mlpackage(image, contract, recipe("fp16"))
