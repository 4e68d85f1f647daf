from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.pocketmatte.conftest import Said

Cli = Callable[..., Said]
FILE = "rvm/t01/matte-fp32.onnx"


@pytest.fixture
def model(bundle: Path) -> onnx.ModelProto:
    return onnx.load(bundle / FILE)


def test_a_file_agrees_with_pytorch_value_by_value(cli: Cli, bundle: Path) -> None:
    said = cli("parity", bundle / FILE, "--bisect", "--json")
    found = said.json()
    assert said.code == 0
    assert found["passed"]
    assert {row["name"] for row in found["outputs"]} >= {"alpha", "foreground", "r1_next"}
    assert found["parting"]["first"] is None
    assert found["parting"]["values"] > 150


def test_two_files_of_one_program_are_compared(cli: Cli, bundle: Path) -> None:
    half = bundle / "rvm/t01/matte-fp16.onnx"
    said = cli("parity", bundle / FILE, "--against", half)
    assert said.code == 0
    assert "alpha" in said.out
    assert cli("parity", bundle / FILE, "--against", half, "--limit", "1e-6").code == 1


def test_a_changed_weight_is_named_by_the_operation_that_takes_it(
    cli: Cli, bundle: Path, model: onnx.ModelProto
) -> None:
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    wrong = convolutions[len(convolutions) // 2]
    stored = next(each for each in model.graph.initializer if each.name == wrong.input[1])
    weight = numpy_helper.to_array(stored).copy()
    weight.flat[0] += 4 * np.abs(weight).max()
    stored.CopyFrom(numpy_helper.from_array(weight, stored.name))
    onnx.save(model, bundle / FILE)
    said = cli("parity", bundle / FILE, "--bisect", "--json")
    first = said.json()["parting"]["first"]
    assert said.code == 1
    assert (first["name"], first["operation"]) == (wrong.output[0], "Conv")
    assert f"at {wrong.output[0]} (Conv)" in said.err


def test_a_changed_resize_mode_is_named(cli: Cli, bundle: Path, model: onnx.ModelProto) -> None:
    wrong = [node for node in model.graph.node if node.op_type == "Resize"][-1]
    mode = next(each for each in wrong.attribute if each.name == "mode")
    assert mode.s == b"linear"
    mode.s = b"nearest"
    onnx.save(model, bundle / FILE)
    said = cli("parity", bundle / FILE, "--bisect", "--limit", "0.01", "--json")
    assert said.code == 1
    assert said.json()["parting"]["first"]["name"] == wrong.output[0]


def test_wrong_requests_are_one_line(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(b"")
    assert "lies in no bundle" in cli("parity", alone).refusal(2)
    assert "--call is 0" in cli("parity", bundle / FILE, "--call", 0).refusal(2)
    assert "--call is 60; the 52 frames of the scene run it 52 times" in cli(
        "parity", bundle / FILE, "--call", 60
    ).refusal(2)
    assert "--limit is 0" in cli("parity", bundle / FILE, "--limit", 0).refusal(2)
    unknown = bundle / "rvm/t01/other.onnx"
    assert "does not list rvm/t01/other.onnx" in cli("parity", unknown).refusal(2)


def test_a_file_without_one_of_the_outputs_is_refused(
    cli: Cli, bundle: Path, model: onnx.ModelProto
) -> None:
    alpha = next(each for each in model.graph.output if each.name == "alpha")
    for node in model.graph.node:
        for index, name in enumerate(node.output):
            if name == "alpha":
                node.output[index] = alpha.name = "other"
    onnx.save(model, bundle / FILE)
    assert "alpha is missing or of another shape" in cli("parity", bundle / FILE).refusal(1)


def test_a_core_ml_package_with_a_changed_weight_is_named_by_its_convolution(
    cli: Cli, tmp_path: Path
) -> None:
    words = "build --network rvm --tier t01 --format coreml --recipe fp32 --out"
    assert cli(*words.split(), tmp_path / "b").code == 0
    package = tmp_path / "b/rvm/t01/matte-fp32.mlpackage"
    said = cli("parity", package, "--bisect", "--json")
    assert (said.code, said.json()["parting"]["first"]) == (0, None)
    assert said.json()["parting"]["values"] > 150
    weights = next(package.rglob("weight.bin"))
    values = np.fromfile(weights, np.float32)
    middle = slice(len(values) // 3, len(values) // 2)  # headers of blobs are no such numbers
    sizes = np.abs(values[middle])
    values[middle.start + int(np.where(sizes < 10, sizes, 0).argmax())] *= -4
    values.tofile(weights)
    said = cli("parity", package, "--bisect", "--limit", "1e-4", "--json")
    assert said.code == 1
    assert said.json()["parting"]["first"]["operation"] == "conv"
    assert "it changed since it was built; build it again; compared as it is" in said.err


def test_a_broken_file_is_one_line(cli: Cli, bundle: Path) -> None:
    (bundle / FILE).write_bytes(b"no model at all")
    assert "is no ONNX file" in cli("parity", bundle / FILE).refusal(1)
