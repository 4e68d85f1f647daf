import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from coremltools.proto import Model_pb2
from torch import nn

from export.program import Captured
from export.recipe import recipe
from export.to_coreml import to_coreml
from pocketmatte.mlprogram.program import Constant
from pocketmatte.mlprogram.read import read_package
from pocketmatte.mlprogram.types import TensorType
from pocketmatte.runtimes.coreml_reference import CoreMlReference
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import BundleError
from tiers.ladder import tier

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


class Blend(nn.Module):
    """Mix the frame, seen through two convolutions, with the state."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 1, 1)
        with torch.no_grad():
            self.first.weight[0, 0, 0, 0] = 0.7
        self.requires_grad_(requires_grad=False)

    def forward(self, frame: torch.Tensor, r1: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = r1 * 0.25 + self.second(self.first(frame))
        return mean * 1.0, mean


@pytest.fixture(scope="module")
def package(running_contract: ProgramContract, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a package of ``Blend``, in single precision."""
    path = tmp_path_factory.mktemp("package") / "running.mlpackage"
    inputs = tuple(torch.zeros(tensor.shape) for tensor in running_contract.inputs)
    captured = Captured(
        exported=torch.export.export(Blend(), inputs),
        contract=running_contract,
        spec=tier("rvm", "t01"),
        recipe=recipe("fp32"),
    )
    to_coreml(captured, path, {"made": "here"})
    return path


@pytest.fixture
def own(package: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return Path(shutil.copytree(package, tmp_path / "own.mlpackage"))


def edit(path: Path, change: Callable[[Model_pb2.Model], None]) -> None:
    model = Model_pb2.Model()
    model.ParseFromString((path / MODEL).read_bytes())
    change(model)
    (path / MODEL).write_bytes(model.SerializeToString())


def test_a_package_says_what_it_takes_gives_and_consists_of(
    package: Path, running_contract: ProgramContract
) -> None:
    model = read_package(package)
    function = model.functions[model.default]
    assert (function.name, function.opset, function.opset_number) == ("main", "CoreML6", 6)
    assert [named.name for named in function.inputs] == ["frame", "r1"]
    shapes = [named.type.shape for named in function.inputs if isinstance(named.type, TensorType)]
    assert shapes == [tensor.shape for tensor in running_contract.inputs]
    assert function.body.outputs == ("alpha", "r1_next")
    assert "conv" in [operation.kind for operation in function.body.operations]
    assert model.metadata["made"] == "here"
    assert not any(feature.image for feature in (*model.inputs, *model.outputs))
    weights = [
        constant.value
        for operation in function.body.operations
        for constant in operation.attributes.values()
        if isinstance(constant, Constant) and isinstance(constant.value, torch.Tensor)
    ]
    assert any(torch.equal(weight, Blend().first.weight) for weight in weights)


def test_a_package_computes_what_pytorch_computes(
    package: Path, running_contract: ProgramContract
) -> None:
    session = CoreMlReference().load(package, running_contract, threads=1)
    assert session.facts["dtype"] == "float32"
    drawn = np.random.default_rng(0)
    inputs = {
        tensor.name: drawn.random(tensor.shape, dtype=np.float32)
        for tensor in running_contract.inputs
    }
    exact = TorchSession(Blend(), running_contract, 1).run(inputs)
    given = session.run(inputs)
    assert list(given) == ["alpha", "r1_next"]
    for name, array in given.items():
        np.testing.assert_allclose(array, exact[name], atol=1e-6)
    session.close()
    with pytest.raises(ValueError, match="is closed; load the file again"):
        session.run(inputs)


def test_one_changed_byte_of_the_weights_shows(
    own: Path, running_contract: ProgramContract
) -> None:
    data = bytearray((own / WEIGHTS).read_bytes())
    data[data.index(np.float32(0.7).tobytes()) + 2] ^= 0x40
    (own / WEIGHTS).write_bytes(bytes(data))
    session = CoreMlReference().load(own, running_contract, threads=1)
    inputs = {t.name: np.full(t.shape, 0.5, dtype=np.float32) for t in running_contract.inputs}
    exact = TorchSession(Blend(), running_contract, 1).run(inputs)
    assert np.abs(session.run(inputs)["alpha"] - exact["alpha"]).max() > 1e-3


def test_a_package_of_another_program_is_refused(package: Path) -> None:
    (other,) = contracts(tier("rvm", "t01"))
    with pytest.raises(BundleError, match="holds another program: its inputs are frame"):
        CoreMlReference().load(package, other, threads=1)


@pytest.mark.parametrize("name", ["Manifest.json", str(MODEL), str(WEIGHTS)])
@pytest.mark.parametrize("left", [0, 40])
def test_a_truncated_package_is_refused_in_one_line(own: Path, name: str, left: int) -> None:
    whole = (own / name).read_bytes()
    (own / name).write_bytes(whole[:left])
    with pytest.raises(BundleError) as caught:
        read_package(own)
    assert "\n" not in str(caught.value)


def test_paths_that_lead_outside_are_refused(own: Path) -> None:
    manifest = json.loads((own / "Manifest.json").read_text())
    root = manifest["rootModelIdentifier"]
    manifest["itemInfoEntries"][root]["path"] = "../../model.mlmodel"
    (own / "Manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="its model lies outside it"):
        read_package(own)


@pytest.mark.parametrize("name", ["/etc/hostname", "@model_path/../../../weight.bin"])
def test_weights_that_lie_outside_are_refused(own: Path, name: str) -> None:
    def change(model: Model_pb2.Model) -> None:
        for block in model.mlProgram.functions["main"].block_specializations.values():
            for operation in block.operations:
                for value in operation.attributes.values():
                    if value.WhichOneof("value") == "blobFileValue":
                        value.blobFileValue.fileName = name

    edit(own, change)
    with pytest.raises(BundleError, match="outside the package"):
        read_package(own)


def test_an_unknown_operation_is_refused_by_name(
    own: Path, running_contract: ProgramContract
) -> None:
    def change(model: Model_pb2.Model) -> None:
        for block in model.mlProgram.functions["main"].block_specializations.values():
            next(each for each in block.operations if each.type == "conv").type = "telepathy"

    edit(own, change)
    with pytest.raises(BundleError, match="operations that are not known here: telepathy"):
        CoreMlReference().load(own, running_contract, threads=1)


def test_a_model_without_a_program_is_refused(own: Path) -> None:
    (own / MODEL).write_bytes(Model_pb2.Model(specificationVersion=1).SerializeToString())
    with pytest.raises(BundleError, match="holds a None, not an ML Program"):
        read_package(own)
