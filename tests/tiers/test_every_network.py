"""What holds for every network of the ladders, whatever it computes."""

import functools

import pytest
import torch
from torch import Tensor, nn

from tiers.blocks.elastic import ElasticConv2d, slice_plan, take
from tiers.checkpoint import digest
from tiers.contract import ProgramContract, TensorSpec
from tiers.contract_table import contracts
from tiers.cost import cost
from tiers.ladder import LADDERS, ladder, tier
from tiers.networks import build, programs
from tiers.spec import TierSpec
from tiers.weights import ELASTIC_FORMAT, Weights, full_tier, network_of, untrained

ROWS = [(network, name) for network, rows in LADDERS.items() for name in rows]
ELASTIC = [(network, name) for network, name in ROWS if tier(network, name).weights_of == name]
ENDS = [(network, name) for network in LADDERS for name in ("t01", "t12")]

# What an app gives; all other inputs are states or come from a program that ran before.
GIVEN = {
    "rvm": {"frame"},
    "foreground": {"frame"},
    "scribble": {"frame", "mask", "positive", "negative"},
    "propagation": {"frame", "masks", "slot", "present"},
    "fusion": {
        "frame", "previous_mask", "new_mask", "interacted_key", "key", "added", "removed",
        "distances",
    },
    "trimap": {"frame", "reference_trimap", "slot"},
    "stfam": {"frame", "trimap"},
    "matanyone": {"frame", "alphas", "present", "slot"},
}  # fmt: skip

_ROUNDING = 1e-6  # that single precision may leave a range by


@functools.cache
def on_meta(network: str, name: str) -> nn.Module:
    with torch.device("meta"):
        return build(tier(network, name)).eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize(("network", "name"), ROWS)
def test_every_program_gives_what_its_contract_says(network: str, name: str) -> None:
    spec = tier(network, name)
    with torch.device("meta"):
        made = programs(on_meta(network, name), spec)
    for contract in contracts(spec):
        inputs = [torch.empty(tensor.shape, device="meta") for tensor in contract.inputs]
        outputs = made[contract.name](*inputs)
        assert [(t.name, t.shape) for t in contract.outputs] == [
            (t.name, tuple(output.shape))
            for t, output in zip(contract.outputs, outputs, strict=True)
        ]


@pytest.mark.parametrize(("network", "name"), ROWS)
def test_no_name_stands_for_two_tensors(network: str, name: str) -> None:
    seen: dict[str, tuple[int, ...]] = {}
    for contract in contracts(tier(network, name)):
        names = [tensor.name for tensor in (*contract.inputs, *contract.outputs)]
        assert len(set(names)) == len(names), contract.name
        for tensor in (*contract.inputs, *contract.outputs):
            assert seen.setdefault(tensor.name, tensor.shape) == tensor.shape, tensor.name


@pytest.mark.parametrize(("network", "name"), ROWS)
def test_a_state_goes_in_as_it_comes_out(network: str, name: str) -> None:
    for contract in contracts(tier(network, name)):
        inputs = {tensor.name: tensor for tensor in contract.inputs}
        outputs = {tensor.name: tensor for tensor in contract.outputs}
        assert set(contract.state_inputs) == {pair.input for pair in contract.states}
        for pair in contract.states:
            assert pair.output == f"{pair.input}_next"
            before, after = inputs[pair.input], outputs[pair.output]
            assert (before.shape, before.low, before.high) == (after.shape, after.low, after.high)
            assert before.low is None or before.low <= pair.reset
            assert before.high is None or pair.reset <= before.high


@pytest.mark.parametrize("network", LADDERS)
@pytest.mark.parametrize("name", ["t01", "t12"])
def test_every_input_is_given_carried_or_computed_before(network: str, name: str) -> None:
    every = contracts(tier(network, name))
    states = {pair.input for contract in every for pair in contract.states}
    known = states | GIVEN[network]
    for contract in every:
        unknown = {tensor.name for tensor in contract.inputs} - known
        assert not unknown, f"{contract.name} takes {unknown}"
        known |= {tensor.name for tensor in contract.outputs}


@pytest.mark.parametrize(("network", "name"), ROWS)
def test_one_program_gives_what_people_see(network: str, name: str) -> None:
    spec = tier(network, name)
    judged = [c for c in contracts(spec) if c.judged is not None]
    assert judged
    for contract in judged:
        (seen,) = (tensor for tensor in contract.outputs if tensor.name == contract.judged)
        assert (seen.low, seen.high) == (0, 1)
        assert seen.shape[-2:] == spec.output_hw


@pytest.mark.parametrize("network", LADDERS)
def test_outputs_keep_to_their_ranges(network: str) -> None:
    spec = tier(network, "t01")
    made = programs(network_of(spec, untrained(spec)), spec)
    generator = torch.Generator().manual_seed(0)
    board: dict[str, Tensor] = {}
    for contract in contracts(spec):
        for pair in contract.states:
            board[pair.input] = torch.full(contract.state_inputs[pair.input].shape, pair.reset)
    for _ in range(2):
        for name in GIVEN[network]:
            board.pop(name, None)
        for contract in contracts(spec):
            _step(contract, made[contract.name], board, generator)


def _step(
    contract: ProgramContract,
    program: nn.Module,
    board: dict[str, Tensor],
    generator: torch.Generator,
) -> None:
    for tensor in contract.inputs:
        if tensor.name not in board:
            board[tensor.name] = _drawn(tensor, generator)
    with torch.inference_mode():
        outputs = program(*(board[tensor.name] for tensor in contract.inputs))
    for tensor, output in zip(contract.outputs, outputs, strict=True):
        assert torch.isfinite(output).all(), tensor.name
        assert tensor.low is None or output.min() >= tensor.low - _ROUNDING, tensor.name
        assert tensor.high is None or output.max() <= tensor.high + _ROUNDING, tensor.name
        board[tensor.name] = output
    for pair in contract.states:
        board[pair.input] = board[pair.output]


def _drawn(tensor: TensorSpec, generator: torch.Generator) -> Tensor:
    low = -1.0 if tensor.low is None else tensor.low
    high = 1.0 if tensor.high is None else tensor.high
    return torch.empty(tensor.shape).uniform_(low, high, generator=generator)


@pytest.mark.parametrize(("network", "name"), ELASTIC)
def test_every_elastic_row_is_a_slice_of_the_full_one(network: str, name: str) -> None:
    small, full = on_meta(network, name), on_meta(network, full_tier(network))
    plan = slice_plan(full, small)
    norms = {
        f"{key}.{leaf}"
        for key, module in small.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for leaf, _ in module.named_parameters()
    }
    assert set(plan) | norms == {key for key, _ in small.named_parameters()}
    for key, index in plan.items():
        part = take(full.get_parameter(key), index)
        assert part.shape == small.get_parameter(key).shape, key


@pytest.mark.parametrize("network", LADDERS)
def test_t01_is_cut_from_an_elastic_checkpoint(network: str) -> None:
    spec, full = tier(network, "t01"), tier(network, full_tier(network))
    weights = _elastic_checkpoint(spec, full)
    state = network_of(spec, weights).state_dict()
    whole = dict(on_meta(network, full.name).named_modules())
    for key, module in on_meta(network, "t01").named_modules():
        if isinstance(module, nn.BatchNorm2d):
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                assert torch.equal(state[f"{key}.{leaf}"], weights.tensors[f"t01.{key}.{leaf}"])
        if not isinstance(module, ElasticConv2d):
            continue
        source = whole[key]
        assert isinstance(source, ElasticConv2d)
        rows = _prefixes(source.out_segments, module.out_segments)
        columns = [0] if module.groups > 1 else _prefixes(source.in_segments, module.in_segments)
        shared = weights.tensors[f"shared.{key}.weight"]
        assert torch.equal(state[f"{key}.weight"], shared[rows][:, columns]), key
        if module.bias is not None:
            assert torch.equal(state[f"{key}.bias"], weights.tensors[f"shared.{key}.bias"][rows])


def _elastic_checkpoint(spec: TierSpec, full: TierSpec) -> Weights:
    """Return the seeded full network's weights and both rows' statistics, all different."""
    generator = torch.Generator().manual_seed(1)

    def numbers(network: nn.Module, *, of_norms: bool) -> dict[str, Tensor]:
        state = network.state_dict()
        norms = {key.rpartition(".")[0] for key in state if key.endswith(".running_mean")}
        return {
            key: torch.empty(value.shape).uniform_(0.5, 1.5, generator=generator)
            for key, value in state.items()
            if (key.rpartition(".")[0] in norms) == of_norms
            and not key.endswith("num_batches_tracked")
        }

    whole = on_meta(full.network, full.name)
    tensors = {f"shared.{key}": value for key, value in numbers(whole, of_norms=False).items()}
    for row in (spec, full):
        own = numbers(on_meta(row.network, row.name), of_norms=True)
        tensors |= {f"{row.name}.{key}": value for key, value in own.items()}
    metadata = {"format": ELASTIC_FORMAT, "network": spec.network}
    return Weights(network=spec.network, tensors=tensors, metadata=metadata, sha256=digest(tensors))


def _prefixes(full: tuple[int, ...], small: tuple[int, ...]) -> list[int]:
    """Return the channels that are in ``small``, counted one by one."""
    kept: list[int] = []
    start = 0
    for whole, part in zip(full, small, strict=True):
        kept += range(start, start + part)
        start += whole
    return kept


@pytest.mark.parametrize("network", LADDERS)
def test_rows_that_share_weights_share_their_shape(network: str) -> None:
    for row in ladder(network).values():
        assert row.weights_of is None or tier(network, row.weights_of).shape == row.shape
    assert tier(network, "t01").weights_of == "t01"


@pytest.mark.parametrize(("network", "name"), ENDS)
def test_a_row_held_upright_costs_the_same(network: str, name: str) -> None:
    spec = tier(network, name)
    upright = spec.oriented("portrait")
    assert upright.output_hw == tuple(sorted(spec.output_hw, reverse=True))
    assert cost(upright).macs == cost(spec).macs
