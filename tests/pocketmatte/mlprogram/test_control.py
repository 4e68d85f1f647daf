from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.operations.control import (
    list_gather,
    list_length,
    list_read,
    list_scatter,
    list_write,
    make_list,
    read_state,
    write_state,
)
from pocketmatte.mlprogram.program import Argument, Block, Function, Named, Operation, Reference
from pocketmatte.mlprogram.types import (
    BOOL,
    FP16,
    FP32,
    INT32,
    Element,
    ListType,
    State,
    StateType,
    TensorType,
    Value,
)
from tiers.errors import BundleError

PAIR = TensorType(element=FP32, shape=(2,))


def named(name: str, kind: TensorType | ListType | StateType = PAIR) -> Named:
    return Named(name=name, type=kind)


def scalar(name: str, element: Element) -> Named:
    return Named(name=name, type=TensorType(element=element, shape=()))


def operation(
    kind: str, *outputs: Named, blocks: tuple[Block, ...] = (), **inputs: str
) -> Operation:
    given: Mapping[str, Argument] = {
        name: tuple(Reference(name=each) for each in each_input.split())
        for name, each_input in inputs.items()
    }
    return Operation(kind=kind, inputs=given, attributes={}, outputs=outputs, blocks=blocks)


def block(*operations: Operation, inputs: tuple[Named, ...] = (), gives: str = "") -> Block:
    return Block(inputs=inputs, operations=operations, outputs=tuple(gives.split()))


def runner(
    *operations: Operation, inputs: tuple[Named, ...], gives: str
) -> Callable[[Mapping[str, Value]], dict[str, Value]]:
    body = block(*operations, gives=gives)
    return Evaluator(Function(name="main", inputs=inputs, opset="CoreML8", body=body)).run


A, B = torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])


@pytest.mark.parametrize(("truth", "expected"), [(True, [11, 22]), (False, [-9, -18])])
def test_a_branch_is_taken_and_sees_what_was_computed_before(
    truth: bool, expected: list[float]
) -> None:
    branches = (
        block(operation("add", named("sum"), x="a", y="b"), gives="sum"),
        block(operation("sub", named("difference"), x="a", y="b"), gives="difference"),
    )
    run = runner(
        operation("cond", named("result"), blocks=branches, pred="pred"),
        inputs=(scalar("pred", BOOL), named("a"), named("b")),
        gives="result",
    )
    found = run({"pred": torch.tensor(truth), "a": A, "b": B})["result"]
    assert torch.as_tensor(found).tolist() == expected


@pytest.mark.parametrize(("limit", "expected"), [(100.0, [128, 256]), (0.0, [1, 2])])
def test_a_loop_runs_as_long_as_its_condition_holds(limit: float, expected: list[float]) -> None:
    # doubles a pair and adds up a count as long as the count is below the limit
    own = (named("pair"), scalar("count", FP32))
    goes_on = block(
        operation("less", scalar("below", BOOL), x="count", y="limit"), inputs=own, gives="below"
    )
    body = block(
        operation("add", named("double"), x="pair", y="pair"),
        operation("add", scalar("more", FP32), x="count", y="step"),
        inputs=own,
        gives="double more",
    )
    outputs = (named("last"), scalar("total", FP32))
    run = runner(
        operation("while_loop", *outputs, blocks=(goes_on, body), loop_vars="a zero"),
        inputs=(named("a"), *(scalar(name, FP32) for name in ("zero", "step", "limit"))),
        gives="last total",
    )
    numbers = {"zero": 0.0, "step": 15.0, "limit": limit}
    found = run({"a": A, **{name: torch.tensor(each) for name, each in numbers.items()}})
    assert torch.as_tensor(found["last"]).tolist() == expected
    assert torch.as_tensor(found["total"]).item() == (105 if limit else 0)


def test_a_state_lasts_from_one_run_to_the_next() -> None:
    half = TensorType(element=FP16, shape=(2,))
    run = runner(
        operation("read_state", named("before", half), input="memory"),
        operation("add", named("after", half), x="before", y="a"),
        operation("write_state", input="memory", data="after"),
        operation("read_state", named("now", half), input="memory"),
        inputs=(named("memory", StateType(wrapped=half)), named("a", half)),
        gives="before now",
    )
    state = State(torch.zeros(2))
    for count in range(3):
        found = {
            name: torch.as_tensor(value) for name, value in run({"memory": state, "a": A}).items()
        }
        assert torch.equal(found["before"], count * A)
        assert torch.equal(found["now"], (count + 1) * A)
    assert torch.equal(state.value, 3 * A)


def test_a_value_read_before_a_state_is_written_stays() -> None:
    state = State(torch.tensor([1.0]))
    before = read_state(state)
    assert write_state(state, torch.tensor([2.0])) == ()
    assert before.tolist() == [1]
    assert read_state(state).tolist() == [2]
    with pytest.raises(ValueError, match=r"\(2,\) does not fit a state of \(1,\)"):
        write_state(state, torch.zeros(2))


def size(number: int) -> Tensor:
    return torch.tensor(number, dtype=torch.int32)


def test_a_list_begins_with_zeros_and_grows_where_it_is_written() -> None:
    first = make_list((size(2),), 2)
    assert list_read(first, 0).tolist() == [0, 0]
    second = list_write(list_write(first, 0, A), 4, B)
    third = list_scatter(second, (2, 1), torch.tensor([[-1.0, -2], [-4, -5]]))
    assert list_gather(third, (4, 2, 3, 0)).tolist() == [[10, 20], [-1, -2], [0, 0], [1, 2]]
    assert [int(list_length(each)) for each in (first, second, third)] == [2, 5, 5]
    assert list_read(first, 0).tolist() == [0, 0]  # a list is a value: the old one stays


@pytest.mark.parametrize(
    ("dtype", "held"),
    [("fp16", torch.float32), ("int32", torch.int32), ("bool", torch.bool)],
)
def test_a_list_is_of_one_type(dtype: str, held: torch.dtype) -> None:
    found = list_read(make_list((size(3), size(4)), dtype=dtype), 0)
    assert found.dtype == held
    assert found.shape == (3, 4)
    with pytest.raises(ValueError, match="dtype 'fp8' is not known here"):
        make_list((size(3),), dtype="fp8")


def test_the_first_tensor_written_tells_the_shape_where_it_has_but_a_name() -> None:
    empty = make_list(("width", size(2)), 2)
    with pytest.raises(ValueError, match=r"of \(1,\) not all have been written"):
        list_read(empty, 1)
    written = list_write(empty, 1, torch.ones(3, 2))
    assert list_gather(written, (0, 1)).tolist() == [[[0, 0]] * 3, [[1, 1]] * 3]


@pytest.mark.parametrize("index", [-1, 2])
def test_no_tensor_is_read_outside_of_a_list(index: int) -> None:
    with pytest.raises(IndexError, match=f"{index} is no place in a list of 2"):
        list_read(make_list((size(2),), 2), index)
    with pytest.raises(IndexError, match="-1 is no place in a list of 2"):
        list_write(make_list((size(2),), 2), -1, A)


def test_a_list_passes_through_a_program() -> None:
    kind = ListType(element=PAIR)
    run = runner(
        operation("make_list", named("empty", kind), elem_shape="two"),
        operation("list_write", named("one", kind), ls="empty", index="place", value="a"),
        operation("list_read", named("back"), ls="one", index="place"),
        inputs=(scalar("two", INT32), scalar("place", INT32), named("a")),
        gives="back",
    )
    found = run({"two": size(2), "place": size(5), "a": A})["back"]
    assert torch.as_tensor(found).tolist() == A.tolist()
    with pytest.raises(BundleError, match="list_write 'one' cannot be computed"):
        run({"two": size(2), "place": size(-1), "a": A})
