import pytest
import torch
from torch import nn

from tiers.contract_table import PROGRAMS, contracts
from tiers.ladder import ladder, tier
from tiers.networks import build, programs
from tiers.networks.rvm import Rvm
from tiers.spec import Orientation, TierSpec


def on_meta(spec: TierSpec) -> nn.Module:
    with torch.device("meta"):
        return build(spec).eval()


@pytest.mark.parametrize("orientation", ["landscape", "portrait"])
@pytest.mark.parametrize("name", ladder("rvm"))
def test_the_contract_has_the_shapes_of_a_real_forward(name: str, orientation: Orientation) -> None:
    spec = tier("rvm", name).oriented(orientation)
    network = on_meta(spec)
    for contract in contracts(spec):
        inputs = [torch.empty(tensor.shape, device="meta") for tensor in contract.inputs]
        with torch.no_grad():
            outputs = programs(network, spec)[contract.name](*inputs)
        assert {t.name: t.shape for t in contract.outputs} == {
            t.name: tuple(output.shape) for t, output in zip(contract.outputs, outputs, strict=True)
        }


@pytest.mark.parametrize("name", ladder("rvm"))
def test_the_contract_has_the_states_of_the_network(name: str) -> None:
    spec = tier("rvm", name)
    (contract,) = contracts(spec)
    network = on_meta(spec)
    assert isinstance(network, Rvm)
    states = network.initial_states(torch.empty(1, 3, *spec.working_hw, device="meta"))
    assert [tensor.shape for tensor in contract.state_inputs.values()] == [
        tuple(state.shape) for state in states
    ]


@pytest.mark.parametrize("name", ladder("rvm"))
def test_a_state_goes_in_as_it_comes_out(name: str) -> None:
    (contract,) = contracts(tier("rvm", name))
    inputs = {tensor.name: tensor for tensor in contract.inputs}
    outputs = {tensor.name: tensor for tensor in contract.outputs}
    assert [pair.input for pair in contract.states] == ["r1", "r2", "r3", "r4"]
    for pair in contract.states:
        assert pair.output == f"{pair.input}_next"
        assert inputs[pair.input].shape == outputs[pair.output].shape
        assert pair.reset == 0


@pytest.mark.parametrize("network", PROGRAMS)
def test_a_network_has_the_programs_it_names(network: str) -> None:
    spec = tier(network, "t01")
    assert tuple(contract.name for contract in contracts(spec)) == PROGRAMS[network]
    assert tuple(programs(on_meta(spec), spec)) == PROGRAMS[network]


def test_no_name_is_used_twice() -> None:
    (contract,) = contracts(tier("rvm", "t01"))
    names = [tensor.name for tensor in (*contract.inputs, *contract.outputs)]
    assert len(set(names)) == len(names)


def test_programs_of_another_network_are_refused() -> None:
    with pytest.raises(TypeError, match="programs of rvm need an Rvm, not a Linear"):
        programs(torch.nn.Linear(1, 1), tier("rvm", "t01"))
