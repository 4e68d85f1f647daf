"""Inside the block interpreters run an operator without values once for all their runs."""

import pytest
import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from export.known_results import results_known

_ADD = torch.ops.aten.add.Tensor
_RELU = torch.ops.aten.relu.default
_RELU_IN_PLACE = torch.ops.aten.relu_.default


def _interpreter() -> fx.Interpreter:
    return fx.Interpreter(fx.GraphModule(torch.nn.Module(), fx.Graph()))


def test_a_later_run_gets_the_results_of_an_earlier() -> None:
    with results_known(), FakeTensorMode() as mode:
        x = mode.from_tensor(torch.ones(2, 3))
        first, later = _interpreter(), _interpreter()
        rectified = first.call_function(_RELU, (x,), {})
        added = first.call_function(_ADD, (x, rectified), {})
        assert added.shape == (2, 3)
        assert later.call_function(_RELU, (x,), {}) is rectified
        assert later.call_function(_ADD, (x, rectified), {}) is added
        assert later.call_function(_ADD, (rectified, x), {}) is not added


def test_two_equal_calls_of_a_run_have_a_result_each() -> None:
    with results_known(), FakeTensorMode() as mode:
        x = mode.from_tensor(torch.ones(2))
        first, later = (
            [run.call_function(_RELU, (x,), {}) for _ in range(2)]
            for run in (_interpreter(), _interpreter())
        )
        assert first[0] is not first[1]
        assert list(map(id, later)) == list(map(id, first))


def test_numbers_of_other_types_and_options_are_other_calls() -> None:
    with results_known(), FakeTensorMode() as mode:
        x = mode.from_tensor(torch.ones(2, dtype=torch.int32))
        whole, real = (_interpreter().call_function(_ADD, (x, one), {}) for one in (1, 1.0))
        assert (whole.dtype, real.dtype) == (torch.int32, torch.float32)
        assert _interpreter().call_function(_ADD, (x, 1), {"alpha": 2}) is not whole


def test_what_has_values_is_computed() -> None:
    x, zeros = torch.ones(2), torch.ops.aten.zeros.default
    with results_known():
        first, later = _interpreter(), _interpreter()
        with FakeTensorMode():
            first.call_function(zeros, ([2],), {})
        assert type(later.call_function(zeros, ([2],), {})) is Tensor
        rectified = first.call_function(_RELU, (x,), {})
        x.zero_()
        assert rectified.tolist() == [1, 1]
        assert later.call_function(_RELU, (x,), {}).tolist() == [0, 0]


def test_what_changes_its_arguments_runs_each_time() -> None:
    with results_known(), FakeTensorMode() as mode:
        x = mode.from_tensor(torch.ones(2))
        version = x._version
        for _ in range(2):
            _interpreter().call_function(_RELU_IN_PLACE, (x,), {})
        assert x._version == version + 2


def test_a_trace_holds_every_call() -> None:
    def program(x: Tensor) -> Tensor:
        first, second = (_interpreter().call_function(_RELU, (x,), {}) for _ in range(2))
        result: Tensor = first + second
        return result

    with results_known():
        graph = make_fx(program, tracing_mode="fake")(torch.ones(2)).graph
    assert len(graph.find_nodes(op="call_function", target=_RELU)) == 2


def test_all_is_as_before_after_an_error() -> None:
    before = fx.Interpreter.call_function
    with pytest.raises(ValueError, match="loud"), results_known():
        raise ValueError("loud")  # noqa: EM101
    assert fx.Interpreter.call_function is before
