"""What stands in for Core ML while coremltools' own tests run."""

import numpy as np
import pytest
import torch
from coremltools.proto import Model_pb2
from PIL import Image

from pocketmatte.mlprogram.program import Block, Function, Named
from pocketmatte.mlprogram.types import FP16, FP32, INT32, StateType, TensorType
from runtime_tests.coreml_suite.description import admitted
from runtime_tests.coreml_suite.features import given_back, held
from runtime_tests.coreml_suite.plugin import plain, sampled_as
from runtime_tests.coreml_suite.stand_in import States

_LEVELS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3) * 10


@pytest.mark.parametrize(
    ("layout", "mode"),
    [("RGB", "RGB"), ("BGR", "RGB"), ("GRAYSCALE", "L"), ("GRAYSCALE_FLOAT16", "F")],
)
def test_an_image_survives_the_way_to_a_tensor_and_back(layout: str, mode: str) -> None:
    image = Image.fromarray(_LEVELS).convert(mode)
    kind = TensorType(element=FP32, shape=(1, len(image.getbands()), 2, 4))
    tensor = held(image, kind, layout)
    assert tuple(tensor.shape) == kind.shape
    back = given_back(tensor, layout)
    assert back.mode == mode
    np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


def test_the_first_plane_of_a_bgr_image_is_blue() -> None:
    kind = TensorType(element=FP32, shape=(1, 3, 2, 4))
    tensor = held(Image.fromarray(_LEVELS), kind, "BGR")
    np.testing.assert_array_equal(tensor[0, 0].numpy(), _LEVELS[..., 2])


def test_an_image_is_rounded_and_held_to_its_levels() -> None:
    given = torch.tensor([[[[-3.0, 0.4, 0.6, 300.0]]]])
    np.testing.assert_array_equal(np.asarray(given_back(given, "GRAYSCALE")), [[0, 0, 1, 255]])


def test_a_scalar_has_one_dimension_outside_and_none_inside() -> None:
    inside = held(np.array([7.0], np.float32), TensorType(element=INT32, shape=()), None)
    assert inside.shape == ()
    assert inside.dtype == torch.int32
    np.testing.assert_array_equal(given_back(inside, None), [7])


def described() -> Model_pb2.ModelDescription:
    """Return a description of an enumerated, a ranged and an optional input."""
    description = Model_pb2.ModelDescription()
    enumerated, ranged, optional = (description.input.add(name=name) for name in "abc")
    for size in (4, 8):
        enumerated.type.multiArrayType.enumeratedShapes.shapes.add(shape=(1, size))
    for low, high in ((1, 1), (3, 5), (2, -1)):
        ranged.type.multiArrayType.shapeRange.sizeRanges.add(lowerBound=low, upperBound=high)
    optional.type.isOptional = True
    optional.type.multiArrayType.shape.extend((2,))
    optional.type.multiArrayType.floatDefaultValue = 3
    return description


def test_what_is_left_out_has_its_default_and_listed_shapes_are_taken() -> None:
    given = {"a": np.zeros((1, 8)), "b": np.zeros((1, 5, 99))}
    inputs = admitted(described(), given)
    np.testing.assert_array_equal(inputs["c"], [3, 3])
    kept = admitted(described(), {**given, "c": np.ones(2)})
    np.testing.assert_array_equal(kept["c"], [1, 1])


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("a", (1, 6), r"MultiArray Shape \(1 x 6\) was not in enumerated set of allowed shapes"),
        ("b", (1, 6, 2), r"Size \(6\) of dimension \(1\) is not in allowed range \(3\.\.5\)"),
        ("b", (1, 3, 1), r"Size \(1\) of dimension \(2\) is not in allowed range \(2\.\.-1\)"),
    ],
)
def test_a_shape_that_is_not_listed_is_refused(
    name: str, shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(RuntimeError, match=said):
        admitted(described(), {name: np.zeros(shape)})


def stateful() -> Function:
    state = StateType(wrapped=TensorType(element=FP16, shape=(2, 3)))
    given = TensorType(element=FP16, shape=(3,))
    inputs = (Named(name="memory", type=state), Named(name="x", type=given))
    body = Block(inputs=(), operations=(), outputs=())
    return Function(name="main", inputs=inputs, opset="CoreML8", body=body)


def test_states_begin_at_zero_and_are_what_was_written() -> None:
    states = States(stateful())
    assert list(states.held) == ["memory"]
    np.testing.assert_array_equal(states.read_state("memory"), np.zeros((2, 3)))
    written = np.arange(6.0).reshape(2, 3)
    states.write_state("memory", written)
    np.testing.assert_array_equal(states.read_state("memory"), written)


@pytest.mark.parametrize(("name", "shape"), [("x", (3,)), ("memory", (3, 2))])
def test_a_state_of_another_name_or_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match=name):
        States(stateful()).write_state(name, np.zeros(shape))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("f.py::TestA::test_b", "f.py::TestA::test_b"),
        ("f.py::test_b[backend=('mlprogram', 'fp16')-rank=3]", "f.py::test_b 'fp16'"),
        ("f.py::test_b[precision='fp32', opset=9)-mode=sin]", "f.py::test_b 'fp32' mode=sin"),
        ("f.py::test_b[padding_mode=same]", "f.py::test_b"),
    ],
)
def test_a_sample_takes_every_test_in_each_precision_and_mode(name: str, key: str) -> None:
    assert sampled_as(name) == key


def test_the_name_of_a_test_holds_no_address() -> None:
    first, second = (f"f.py::test_b[<function f at 0x7f{digit}0cc97d990>]" for digit in "12")
    assert plain(first) == plain(second)
