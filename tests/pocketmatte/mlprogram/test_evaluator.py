import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.program import Block, Constant, Function, Named, Operation, Reference
from pocketmatte.mlprogram.types import BOOL, ELEMENTS, FP16, FP32, INT32, Element, TensorType
from tiers.errors import BundleError

INT8 = next(element for element in ELEMENTS.values() if element.name == "int8")


def named(name: str, element: Element = FP32, shape: tuple[int | None, ...] = (2,)) -> Named:
    return Named(name=name, type=TensorType(element=element, shape=shape))


def operation(kind: str, output: Named, **inputs: str | Tensor) -> Operation:
    return Operation(
        kind=kind,
        inputs={
            name: (Reference(name=given),)
            if isinstance(given, str)
            else (Constant(value=given, type=TensorType(element=FP32, shape=tuple(given.shape))),)
            for name, given in inputs.items()
        },
        attributes={},
        outputs=(output,),
        blocks=(),
    )


def function(
    *operations: Operation, inputs: tuple[Named, ...] = (named("a"), named("b"))
) -> Function:
    body = Block(inputs=(), operations=operations, outputs=(operations[-1].name,))
    return Function(name="main", inputs=inputs, opset="CoreML6", body=body)


def computed(*operations: Operation, inputs: tuple[Named, ...], given: dict[str, Tensor]) -> Tensor:
    (value,) = Evaluator(function(*operations, inputs=inputs)).run(dict(given)).values()
    assert isinstance(value, Tensor)
    return value


A, B = torch.tensor([1.0, 2.0]), torch.tensor([0.1, 5000.3])


def test_operations_run_in_order_and_give_the_outputs_by_name() -> None:
    twice = operation("add", named("twice"), x="a", y="a")
    product = operation("mul", named("product"), x="twice", y="b")
    (name, value), *others = Evaluator(function(twice, product)).run({"a": A, "b": B}).items()
    assert name == "product"
    assert not others
    assert torch.equal(torch.as_tensor(value), 2 * A * B)


def test_results_are_rounded_to_half_precision_where_that_is_declared() -> None:
    inputs = (named("a", FP16), named("b", FP16))
    wide = operation("add", named("sum", FP32), x="a", y="b")
    narrow = operation("add", named("sum", FP16), x="a", y="b")
    given = {"a": A, "b": B}
    exact = A + B.half().float()  # the inputs are half precision
    assert torch.equal(computed(wide, inputs=inputs, given=given), exact)
    assert torch.equal(computed(narrow, inputs=inputs, given=given), exact.half().float())
    assert not torch.equal(exact.half().float(), exact)
    evaluator = Evaluator(function(narrow, inputs=inputs), rounding=False)
    assert torch.equal(torch.as_tensor(evaluator.run({"a": A, "b": B})["sum"]), A + B)


def test_a_result_of_another_shape_or_kind_than_declared_is_refused() -> None:
    longer = operation("add", named("sum", shape=(3,)), x="a", y="b")
    with pytest.raises(
        BundleError, match=r"add 'sum' gives float \(2,\), and declares fp32 \(3,\)"
    ):
        Evaluator(function(longer)).run({"a": A, "b": B})
    truth = operation("add", named("sum", BOOL), x="a", y="b")
    with pytest.raises(BundleError, match=r"gives float \(2,\), and declares bool \(2,\)"):
        Evaluator(function(truth)).run({"a": A, "b": B})
    open_ended = operation("add", named("sum", shape=(None,)), x="a", y="b")
    assert Evaluator(function(open_ended)).run({"a": A, "b": B})


def test_an_integer_that_its_type_does_not_hold_is_refused() -> None:
    inputs = (named("a", INT32), named("b", INT32))
    product = operation("mul", named("product", INT8), x="a", y="b")
    given = torch.tensor([10, 20], dtype=torch.int32)
    with pytest.raises(BundleError, match="gives 100 to 400, which int8 does not hold"):
        Evaluator(function(product, inputs=inputs)).run({"a": given, "b": given})


def test_an_unknown_operation_is_refused_by_name_before_anything_runs() -> None:
    odd = operation("telepathy", named("out"), x="a")
    with pytest.raises(BundleError, match="main has operations that are not known here: telepathy"):
        Evaluator(function(odd))


def test_an_unknown_a_missing_and_a_wrong_argument_are_refused_by_name() -> None:
    def refusal(kind: str, **inputs: str | Tensor) -> str:
        with pytest.raises(BundleError) as caught:
            Evaluator(function(operation(kind, named("out"), **inputs))).run({"a": A, "b": B})
        return str(caught.value)

    unknown = refusal("add", x="a", y="b", z="a")
    assert unknown == "add 'out' has the argument 'z', which is not known here"
    assert refusal("add", x="a") == "add 'out' lacks the argument 'y'"
    assert refusal("add", x="a", y="c") == "add 'out' asks for 'c', which nothing before it gives"
    assert refusal("log", x="a", epsilon="b").startswith("log 'out': epsilon is not what it should")
    assert refusal("matmul", x="a", y=torch.ones(3)).startswith("matmul 'out' cannot be computed: ")
    hidden = refusal("cast", x="a", context=torch.ones(1))
    assert hidden == "cast 'out' has the argument 'context', which is not known here"


def test_a_missing_input_is_refused() -> None:
    total = operation("add", named("sum"), x="a", y="b")
    with pytest.raises(BundleError, match="main lacks the input 'b'"):
        Evaluator(function(total)).run({"a": A})


def test_an_observer_sees_every_operation_and_what_it_gave() -> None:
    seen: list[tuple[str, list[float]]] = []
    twice = operation("add", named("twice"), x="a", y="a")
    square = operation("mul", named("square"), x="twice", y="twice")
    evaluator = Evaluator(
        function(twice, square),
        observer=lambda step, values: seen.append((step.kind, torch.as_tensor(values[0]).tolist())),
    )
    evaluator.run({"a": A, "b": B})
    assert seen == [("add", [2.0, 4.0]), ("mul", [4.0, 16.0])]


@pytest.mark.parametrize(
    ("element", "expected"),
    [(FP32, [-1.5, 300.5]), (INT32, [-1, 300]), (BOOL, [True, True]), (INT8, [-1, 44])],
)
def test_a_cast_drops_fractions_and_wraps_round(element: Element, expected: list[float]) -> None:
    cast = Operation(
        kind="cast",
        inputs={
            "x": (Reference(name="a"),),
            "dtype": (
                Constant(value=element.name, type=TensorType(element=ELEMENTS[2], shape=())),
            ),
        },
        attributes={},
        outputs=(named("out", element),),
        blocks=(),
    )
    value = computed(cast, inputs=(named("a"),), given={"a": torch.tensor([-1.5, 300.5])})
    assert value.tolist() == expected
