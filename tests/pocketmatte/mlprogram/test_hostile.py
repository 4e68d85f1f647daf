"""Packages that claim what cannot be: refused in one line, whatever reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from coremltools.proto import Model_pb2
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]

from export.mlpackage import check_mlpackage, write_mlpackage
from export.recipe import recipe
from pocketmatte.lint.check import lint_package
from pocketmatte.mlprogram import types
from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.read import read_package
from pocketmatte.runtimes.coreml_reference import CoreMlReference
from pocketmatte.stepping import first_states
from tiers.contract import ProgramContract
from tiers.errors import BundleError

Parts: TypeAlias = dict[str, Any]  # of a message, as JSON has it
Reader: TypeAlias = Callable[[Path, ProgramContract], object]

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
PICTURE, MAP = (1, 3, 8, 16), (1, 1, 8, 16)


def kind(shape: tuple[int, ...], element: str = "FLOAT32") -> Parts:
    dimensions = [{"constant": {"size": str(size)}} for size in shape]
    return {"tensorType": {"dataType": element, "rank": str(len(shape)), "dimensions": dimensions}}


def value(field: str, values: list[Any] | str, declared: Parts) -> Parts:
    return {"type": declared, "immediateValue": {"tensor": {field: {"values": values}}}}


def integers(*values: int) -> Parts:
    return value("ints", list(values), kind((len(values),), "INT32"))


def floats(*values: float | str, shape: tuple[int, ...] | None = None) -> Parts:
    return value("floats", list(values), kind(shape or (len(values),)))


def number(given: int) -> Parts:
    return value("ints", [given], kind((), "INT32"))


def text(given: str) -> Parts:
    return value("strings", [given], kind((), "STRING"))


def operation(name: str, of: str, declared: Parts, **inputs: str | Parts) -> Parts:
    return {
        "type": of,
        "outputs": [{"name": name, "type": declared}],
        "inputs": {
            key: {"arguments": [{"name": given} if isinstance(given, str) else {"value": given}]}
            for key, given in inputs.items()
        },
    }


def model(*odd: Parts, opset: str = "CoreML7", outputs: tuple[str, ...] = ()) -> Any:
    """Return a specification of the test program with odd operations in it."""
    shown = operation("alpha", "mul", kind(MAP), x="r1", y=floats(1.0, shape=(1, 1, 1, 1)))
    kept = operation("r1_next", "identity", kind(MAP), x="r1")
    return program(kind(MAP), [*odd, shown, kept], ["alpha", "r1_next", *outputs], opset)


def program(state: Parts, operations: list[Parts], outputs: list[str], opset: str) -> Any:
    """Return a specification of a frame and a state, of whatever type."""
    block = {"outputs": outputs, "operations": operations}
    function = {
        "inputs": [{"name": "frame", "type": kind(PICTURE)}, {"name": "r1", "type": state}],
        "opset": opset,
        "blockSpecializations": {opset: block},
    }
    description = {
        "input": [feature("frame", PICTURE), feature("r1", MAP)],
        "output": [feature("alpha", MAP), feature("r1_next", MAP)],
    }
    parts = {
        "specificationVersion": 7,
        "description": description,
        "mlProgram": {"version": "1", "functions": {"main": function}},
    }
    return ParseDict(parts, Model_pb2.Model())


def feature(name: str, shape: tuple[int, ...]) -> Parts:
    sizes = [str(size) for size in shape]
    return {"name": name, "type": {"multiArrayType": {"shape": sizes, "dataType": "FLOAT32"}}}


def looked_up(entries: int) -> Parts:
    """Return weights that a palette of so many entries stands for."""
    weights = operation("weights", "constexpr_lut_to_dense", kind((2,)))
    weights["attributes"] = {
        "indices": value("bytes", "AAA=", kind((2,), "UINT8")),
        "lut": floats(*[0.5] * entries),
        "shape": value("ints", [2], kind((1,), "UINT32")),
    }
    return weights


def strings_in_a_blob(count: int) -> Parts:
    declared = kind((count,), "STRING")
    held = {"type": declared, "blobFileValue": {"fileName": "@model_path/weights/weight.bin"}}
    held["blobFileValue"]["offset"] = "64"
    made = operation("names", "const", declared)
    made["attributes"] = {"val": held}
    return made


def convolution(**changes: Parts) -> Parts:
    usual: dict[str, str | Parts] = {
        "x": "frame",
        "weight": floats(1.0, 1.0, 1.0, shape=(1, 3, 1, 1)),
        "strides": integers(1, 1),
        "pad_type": text("valid"),
    }
    return operation("seen", "conv", kind(MAP), **(usual | changes))


HUGE = 1 << 40
ODD: Mapping[str, Parts] = {
    "a palette of 17 entries": looked_up(17),
    "a palette of 1 entry": looked_up(1),
    "strides of 0": convolution(strides=integers(0, 0), pad_type=text("same")),
    "pooling by 0": operation(
        "seen", "max_pool", kind(PICTURE), x="frame", kernel_sizes=integers(1, 1),
        strides=integers(0, 0), pad_type=text("same"), ceil_mode=value(
            "bools", [True], kind((), "BOOL")
        ),
    ),
    "an infinite axis": operation(
        "seen", "softmax", kind(MAP), x="r1", axis=value("floats", ["Infinity"], kind(()))
    ),
    "a size beyond any machine": operation(
        "seen", "add", kind((1 << 63, 4)), x="r1", y="r1"
    ),
    "a constant of a size beyond any machine": operation(
        "seen", "identity", kind(MAP), x=value("bytes", "AAA=", kind((1 << 63, 2), "UINT8"))
    ),
    "an empty constant of a size beyond any machine": operation(
        "seen", "identity", kind(MAP), x=value("bytes", "AAA=", kind((1 << 63, 0), "UINT8"))
    ),
    "strings among the weights": strings_in_a_blob(1 << 20),
    "a fill that its type does not own up to": operation(
        "seen", "fill", kind((2,)), shape=integers(1 << 16, 1 << 16)
    ),
    "a tile that its type does not own up to": operation(
        "seen", "tile", kind(MAP), x="r1", reps=integers(1, 1, 1 << 15, 1 << 15)
    ),
    "a border that its type does not own up to": operation(
        "seen", "pad", kind(MAP), x="r1", pad=integers(1 << 15, 1 << 15, 1 << 15, 1 << 15)
    ),
    "a long list": operation(
        "seen", "make_list", {"listType": {"type": kind((2,))}}, init_length=number(1 << 30),
        elem_shape=number(2), dtype=text("fp32"),
    ),
    "fewer strings than declared": operation(
        "seen", "identity", kind((3,), "STRING"), x=value("strings", ["a"], kind((1,), "STRING"))
    ),
    "a list of other tensors than declared": operation(
        "seen", "make_list", {"listType": {"type": kind((3,))}}, init_length=number(1),
        elem_shape=number(2), dtype=text("fp32"),
    ),
}  # fmt: skip


def run(path: Path, contract: ProgramContract) -> object:
    session = CoreMlReference().load(path, contract, threads=1)
    frame = np.zeros(PICTURE, dtype=np.float32)
    return session.run({"frame": frame, **first_states(contract)})


def lint(path: Path, contract: ProgramContract) -> object:
    return (lint_package(path), contract)


def check(path: Path, contract: ProgramContract) -> None:
    check_mlpackage(path, contract, recipe("fp32"))


def written(message: Any, folder: Path) -> Path:
    weights = folder / "weights"
    weights.mkdir()
    header = np.array([1, 2], dtype="<u4").tobytes().ljust(64, b"\0")
    record = np.array([0xDEADBEEF, 1, 0, 0, 128, 0], dtype="<u4").tobytes().ljust(64, b"\0")
    (weights / "weight.bin").write_bytes(header + record)
    path = folder / "running.mlpackage"
    write_mlpackage(message, weights, path)
    return path


def refusal(reader: Reader, path: Path, contract: ProgramContract) -> str:
    with pytest.raises(BundleError) as caught:
        reader(path, contract)
    message = str(caught.value)
    assert message.strip()
    assert "\n" not in message
    return message


def test_the_program_as_it_should_be_is_taken_by_all(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    path = written(model(convolution()), tmp_path)
    for reader in (run, lint, check):
        reader(path, running_contract)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_operation_ends_in_one_line(
    running_contract: ProgramContract, tmp_path: Path, name: str
) -> None:
    path = written(model(ODD[name]), tmp_path)
    refusal(run, path, running_contract)
    # neither of these computes, so that some are none of their business
    for reader in (lint, check):
        said = ""
        try:
            reader(path, running_contract)
        except BundleError as error:
            said = str(error)
        assert "\n" not in said


def test_an_output_that_nothing_gives_is_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    path = written(model(outputs=("nowhere",)), tmp_path)
    function = read_package(path).functions["main"]
    given = {each.name: _zeros(each.type) for each in function.inputs}
    with pytest.raises(BundleError, match="main promises 'nowhere', which nothing in it gives"):
        Evaluator(function).run(given)
    refusal(run, path, running_contract)
    lint(path, running_contract)


def _zeros(declared: types.Type) -> Any:
    import torch

    assert isinstance(declared, types.TensorType)
    return torch.zeros([size or 1 for size in declared.shape])


def test_an_opset_that_is_none_is_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    path = written(model(opset="CoreMLx"), tmp_path)
    for reader in (run, lint):
        assert "is of opset 'CoreMLx', not known here" in refusal(reader, path, running_contract)


def test_numbers_that_are_no_type_and_no_colour_space_are_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    (tmp_path / "colour").mkdir()
    coloured = model()
    coloured.description.input[0].type.imageType.colorSpace = 99
    path = written(coloured, tmp_path / "colour")
    for reader in (run, lint):
        message = "frame is an image of colour space 99, not known here"
        assert message in refusal(reader, path, running_contract)
    refusal(check, path, running_contract)
    (tmp_path / "type").mkdir()
    typed = model()
    typed.description.input[0].type.multiArrayType.dataType = 99
    path = written(typed, tmp_path / "type")
    assert "one of its inputs is of an unknown type" in refusal(check, path, running_contract)


def _nest(path: Path) -> None:
    (path / "Manifest.json").write_text("[" * 100_000)


def _loop(name: Path) -> Callable[[Path], None]:
    def loop(path: Path) -> None:
        (path / name).rename(path / "kept")
        (path / name).symlink_to(path / name)

    return loop


@pytest.mark.parametrize(
    "damage", [_nest, _loop(MODEL), _loop(Path("Data"))], ids=["nested", "model", "folder"]
)
def test_json_nested_too_deep_and_links_in_a_loop_are_refused(
    running_contract: ProgramContract, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = written(model(), tmp_path)
    damage(path)
    for reader in (run, lint, check):
        refusal(reader, path, running_contract)


def test_weights_behind_links_in_a_loop_are_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    path = written(model(strings_in_a_blob(1)), tmp_path)
    weights = path / MODEL.parent / "weights" / "weight.bin"
    weights.unlink()
    weights.symlink_to(weights)
    for reader in (run, lint):
        refusal(reader, path, running_contract)


def test_a_tensor_as_large_as_the_limit_is_taken_and_a_larger_one_refused() -> None:
    import torch

    types.require_size((1 << 30,), torch.float32)
    with pytest.raises(ValueError, match=r"\(1073741825,\) takes more than 4 GiB"):
        types.require_size(((1 << 30) + 1,), torch.float32)


def test_outputs_of_other_names_shapes_and_types_are_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    def made(name: str, *operations: Parts) -> Path:
        (tmp_path / name).mkdir()
        outputs = [each["outputs"][0]["name"] for each in operations[-2:]]
        message = program(kind(MAP), list(operations), outputs, "CoreML7")
        return written(message, tmp_path / name)

    kept = operation("r1_next", "identity", kind(MAP), x="r1")
    other = made("name", kept, operation("matte", "identity", kind(MAP), x="r1"))
    assert refusal(run, other, running_contract) == (
        f"{other} holds another program: its outputs are r1_next (1, 1, 8, 16), "
        "matte (1, 1, 8, 16); expected alpha (1, 1, 8, 16), r1_next (1, 1, 8, 16)"
    )
    wide = made("shape", kept, operation("alpha", "identity", kind(PICTURE), x="frame"))
    assert refusal(run, wide, running_contract) == (
        f"{wide} holds another program: its outputs are r1_next (1, 1, 8, 16), "
        "alpha (1, 3, 8, 16); expected alpha (1, 1, 8, 16), r1_next (1, 1, 8, 16)"
    )
    half = operation("alpha", "cast", kind(MAP, "FLOAT16"), x="r1", dtype=text("fp16"))
    mixed = CoreMlReference().load(made("type", kept, half), running_contract, threads=1)
    assert mixed.facts["dtype"] == "float16, float32"


@pytest.mark.parametrize("colour", ["BGR", "GRAYSCALE_FLOAT16"])
def test_images_of_other_pixels_than_ours_are_refused(
    running_contract: ProgramContract, tmp_path: Path, colour: str
) -> None:
    message = model()
    image = message.description.input[0].type.imageType
    image.colorSpace = image.ColorSpace.Value(colour)
    path = written(message, tmp_path)
    said = f"{path}: frame is a {colour} image; there are RGB and GRAYSCALE"
    assert refusal(run, path, running_contract) == said
    image.colorSpace = image.RGB
    (tmp_path / "ours").mkdir()
    CoreMlReference().load(written(message, tmp_path / "ours"), running_contract, threads=1)


def test_a_program_that_writes_beside_its_state_is_refused(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    stored = kind((1, 1, 8, 32), "FLOAT16")

    def made(name: str, step: Parts) -> Path:
        (tmp_path / name).mkdir()
        written_back = operation("", "write_state", stored, input="r1", data="later")
        del written_back["outputs"]
        shown = operation(
            "alpha", "reduce_mean", kind(MAP), x="frame", axes=integers(1),
            keep_dims=value("bools", [True], kind((), "BOOL")),
        )  # fmt: skip
        operations = [operation("now", "read_state", stored, input="r1"), step, written_back, shown]
        state = {"stateType": {"wrappedType": stored}}
        return written(program(state, operations, ["alpha"], "CoreML8"), tmp_path / name)

    halved = made("inside", operation("later", "mul", stored, x="now", y=floats(0.5, shape=())))
    kept = CoreMlReference().load(halved, running_contract, threads=1)
    given = {"frame": np.zeros(PICTURE, np.float32), "r1": np.ones(MAP, np.float32)}
    assert (kept.run(given)["r1_next"] == 0.5).all()
    beside = made("beside", operation("later", "add", stored, x="now", y=floats(1.0, shape=())))
    said = f"{beside} writes into the padding of a state; build it again"
    assert refusal(run, beside, running_contract) == said
