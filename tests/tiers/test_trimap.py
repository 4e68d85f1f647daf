import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tiers.blocks.class_shares import ClassShares
from tiers.blocks.cross_attention import CrossAttention, UnitLength, pixels_of
from tiers.blocks.elastic import slice_plan, take
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.trimap_branch import TrimapBranch
from tiers.contract_table import contracts
from tiers.cost import cost
from tiers.ladder import ladder, tier
from tiers.networks import build, programs
from tiers.networks.trimap import TrimapPropagation
from tiers.rows.trimap import TrimapShape
from tiers.weights import network_of, untrained

ROWS = ladder("trimap")
HW = (64, 96)
SPEC = dataclasses.replace(tier("trimap", "t01"), working_hw=HW, output_hw=HW)
SHAPE = SPEC.shaped(TrimapShape)
PIXELS = (HW[0] // 16) * (HW[1] // 16)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def trimap_like(seed: int, batch: int = 1) -> Tensor:
    """Return a trimap of blocks of 8 pixels."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 3, (batch, 1, HW[0] // 8, HW[1] // 8), generator=generator) / 2
    return blocks.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)


@pytest.fixture(scope="module")
def network() -> TrimapPropagation:
    found = network_of(SPEC, untrained(SPEC))
    assert isinstance(found, TrimapPropagation)
    return found


def slot(index: int) -> Tensor:
    chosen = torch.zeros(SHAPE.references, 1, 1, 1)
    chosen[index] = 1
    return chosen


def empty() -> tuple[Tensor, ...]:
    """Return the states at their reset values."""
    (encode, _) = contracts(SPEC)
    return tuple(torch.zeros(tensor.shape) for tensor in encode.state_inputs.values())


def encoded(network: nn.Module, seed: int, index: int, states: tuple[Tensor, ...]) -> list[Tensor]:
    program = programs(network, SPEC)["encode_reference"]
    states = program(drawn(1, 3, *HW, seed=seed), trimap_like(seed), slot(index), *states)
    return list(states)


def propagated(network: nn.Module, frame: Tensor, states: list[Tensor]) -> Tensor:
    (trimap,) = programs(network, SPEC)["propagate"](frame, *states)
    assert isinstance(trimap, Tensor)
    return trimap


def test_attention_is_the_softmax_over_all_pixels_of_the_references() -> None:
    query, keys = normal(2, 5, 2, 3, seed=1), normal(2, 5, 12, seed=2)
    values = normal(2, 4, 12, seed=3)
    aligned = CrossAttention()(query, keys, values, torch.ones(2, 1, 2, 1))
    for clip in range(2):
        for row in range(2):
            for column in range(3):
                scores = 16 * keys[clip].T @ query[clip, :, row, column]
                expected = values[clip] @ scores.softmax(0)
                torch.testing.assert_close(aligned[clip, :, row, column], expected)


@pytest.mark.parametrize("pixels", [256, 257, 600])
def test_attention_over_many_pixels_is_the_same_sum(pixels: int) -> None:
    query = UnitLength(5)(normal(2, 5, 1, pixels, seed=1))
    keys, values = normal(2, 5, pixels, seed=2), normal(2, 4, pixels, seed=3)
    aligned = CrossAttention()(query, keys, values, torch.ones(2, 1, 1, 1))
    weights = (16 * keys.transpose(1, 2) @ query.flatten(2)).softmax(dim=1)
    torch.testing.assert_close(aligned.flatten(2), values @ weights, rtol=0, atol=1e-5)


def test_a_reference_that_was_never_set_is_not_looked_at() -> None:
    query, keys, values = normal(1, 5, 2, 3, seed=1), normal(1, 5, 12, seed=2), normal(1, 4, 12)
    valid = torch.tensor([1.0, 0.0]).view(1, 1, 2, 1)
    aligned = CrossAttention()(query, keys, values, valid)
    alone = CrossAttention()(query, keys[..., :6], values[..., :6], torch.ones(1, 1, 1, 1))
    torch.testing.assert_close(aligned, alone)


def test_the_pixels_of_references_lie_side_by_side() -> None:
    slots = drawn(3, 4, 2, 5)
    expected = torch.cat([reference.flatten(1) for reference in slots], dim=1)
    assert torch.equal(pixels_of(slots)[0], expected)


def test_unit_length_keeps_the_direction_alone() -> None:
    x = normal(2, 7, 3, 4)
    unit = UnitLength(7)(x)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(2, 3, 4), rtol=0, atol=1e-3)
    torch.testing.assert_close(unit, UnitLength(7)(50 * x), rtol=0, atol=1e-3)
    assert torch.equal(UnitLength(7)(torch.zeros(1, 7, 1, 1)), torch.zeros(1, 7, 1, 1))


@pytest.mark.parametrize("size", [0.05, 1, 200])
def test_half_precision_holds_the_unit_length_of_features_of_any_size(size: float) -> None:
    x = size * torch.sign(normal(1, 64, 3, 4))
    unit = UnitLength(64).half()(x.half()).float()
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(1, 3, 4), rtol=0, atol=0.03)


@pytest.mark.parametrize("size", [1, 30, 3e4])
def test_class_shares_are_the_softmax(size: float) -> None:
    logits = size * normal(2, 3, 4, 5)
    torch.testing.assert_close(ClassShares(3)(logits), logits.softmax(dim=1))


def test_half_precision_holds_the_shares_of_any_logits() -> None:
    logits = torch.tensor([-3e4, 3e4, 2.9e4]).view(1, 3, 1, 1)
    shares = ClassShares(3).half()(logits.half())
    assert shares.flatten().tolist() == [0, 1, 0]


def test_the_branch_looks_at_the_trimap_and_at_every_feature() -> None:
    torch.manual_seed(0)
    branch = TrimapBranch((2, 3, 4), (5, 6, 7, 8)).eval()
    given = [drawn(2, 1, 32, 48, seed=1), drawn(2, 2, 16, 24, seed=2)]
    given += [drawn(2, 3, 8, 12, seed=3), drawn(2, 4, 4, 6, seed=4)]
    x = branch(given[0], tuple(given[1:]))
    assert x.shape == (2, 8, 2, 3)
    for index in range(4):
        others = [1 - tensor if index == at else tensor for at, tensor in enumerate(given)]
        assert not torch.equal(branch(others[0], tuple(others[1:])), x)


def test_both_frames_are_encoded_by_the_same_weights(network: TrimapPropagation) -> None:
    encoders = [module for module in network.modules() if isinstance(module, MobileNetV3Large)]
    assert encoders == [network.encoder]
    seen: list[Tensor] = []
    handle = network.encoder.register_forward_hook(lambda *call: seen.append(call[2][3]))
    frame = drawn(1, 3, *HW)
    network(frame, trimap_like(0), frame)
    handle.remove()
    reference, target = seen
    assert torch.equal(reference, target)


def test_a_pixel_finds_itself_where_query_and_key_are_alike(network: TrimapPropagation) -> None:
    frame = drawn(1, 3, *HW, seed=3)
    key, _ = network.encode_reference(frame, trimap_like(0))
    own = torch.eye(PIXELS)[None]  # what a pixel is, is where it lies
    valid = torch.ones(1, 1, 1, 1)
    places = CrossAttention()(key, key.flatten(2), own, valid).flatten(2)
    assert places[0].argmax(dim=0).tolist() == list(range(PIXELS))


def test_the_trimap_is_three_shares_of_every_pixel(network: TrimapPropagation) -> None:
    trimap = propagated(network, drawn(1, 3, *HW, seed=1), encoded(network, 0, 0, empty()))
    assert trimap.shape == (1, 3, *HW)
    assert trimap.min() >= 0
    torch.testing.assert_close(trimap.sum(dim=1), torch.ones(1, *HW))
    assert trimap.std(dim=(2, 3)).min() > 0.01, "a trimap that is the same everywhere"


def test_the_programs_compute_what_training_sees(network: TrimapPropagation) -> None:
    frame = drawn(1, 3, *HW, seed=1)
    logits = network(drawn(1, 3, *HW), trimap_like(0), frame)
    trimap = propagated(network, frame, encoded(network, 0, 0, empty()))
    torch.testing.assert_close(trimap, logits.softmax(dim=1), rtol=0, atol=1e-5)


def test_pairs_of_a_batch_do_not_see_each_other(network: TrimapPropagation) -> None:
    references, frames = drawn(2, 3, *HW, seed=1), drawn(2, 3, *HW, seed=2)
    trimaps = trimap_like(3, batch=2)
    together = network(references, trimaps, frames)
    for index in range(2):
        one = slice(index, index + 1)
        alone = network(references[one], trimaps[one], frames[one])
        # sums in another order move logits by 3e-4, the other pair by more than their size
        torch.testing.assert_close(together[one], alone, rtol=0, atol=1e-3)
        other = network(references[one], trimaps[one], frames.roll(1, 0)[one])
        assert (other - alone).abs().max() > 0.1


def test_frame_and_trimap_of_the_reference_and_the_target_matter(
    network: TrimapPropagation,
) -> None:
    given = [drawn(1, 3, *HW, seed=1), trimap_like(2), drawn(1, 3, *HW, seed=3)]
    logits = network(*given)
    for index in range(3):
        changed = [1 - tensor if index == at else tensor for at, tensor in enumerate(given)]
        assert (network(*changed) - logits).abs().max() > 1e-3, index


def test_a_reference_is_written_to_its_slot_alone(network: TrimapPropagation) -> None:
    first = encoded(network, 0, 0, empty())
    both = encoded(network, 1, 1, tuple(first))
    only_second = encoded(network, 1, 1, empty())
    for state, before, other in zip(both, first, only_second, strict=True):
        assert torch.equal(state[0], before[0])
        assert torch.equal(state[1], other[1])
    assert [state.flatten().tolist() for state in (first[2], both[2])] == [[1, 0], [1, 1]]


def test_references_count_alike_whatever_their_slots(network: TrimapPropagation) -> None:
    frame = drawn(1, 3, *HW, seed=5)
    one_way = encoded(network, 1, 1, tuple(encoded(network, 0, 0, empty())))
    other_way = encoded(network, 0, 1, tuple(encoded(network, 1, 0, empty())))
    trimap = propagated(network, frame, one_way)
    torch.testing.assert_close(trimap, propagated(network, frame, other_way), rtol=0, atol=1e-5)
    first_alone = propagated(network, frame, encoded(network, 0, 0, empty()))
    assert (trimap - first_alone).abs().max() > 1e-4


def test_before_any_reference_the_trimap_is_finite(network: TrimapPropagation) -> None:
    assert torch.isfinite(propagated(network, drawn(1, 3, *HW), list(empty()))).all()


def test_gradients_of_the_loss_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = TrimapPropagation(SHAPE)
    logits = network(drawn(2, 3, *HW, seed=1), trimap_like(2, 2), drawn(2, 3, *HW, seed=3))
    classes = (2 * trimap_like(4, 2)[:, 0]).long()
    loss = nn.functional.cross_entropy(logits, classes)
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    untouched = [name for name, each in zip(parameters, gradients, strict=True) if not each.any()]
    assert untouched == []


def test_t01_runs_on_slices_of_t12_as_on_its_own_copy() -> None:
    torch.manual_seed(0)
    full, small = build(tier("trimap", "t12")), TrimapPropagation(SHAPE).eval()
    parameters = dict(full.named_parameters())
    slices = {key: take(parameters[key], index) for key, index in slice_plan(full, small).items()}
    given = (drawn(1, 3, *HW, seed=1), trimap_like(2), drawn(1, 3, *HW, seed=3))
    before = small(*given)
    on_slices: Tensor = functional_call(small, slices, given)
    assert not torch.equal(on_slices, before)
    small.load_state_dict({key: value.detach() for key, value in slices.items()}, strict=False)
    assert torch.equal(small(*given), on_slices)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_slice_of_the_full_network(name: str) -> None:
    with torch.device("meta"):
        full, small = build(tier("trimap", "t12")), build(ROWS[name])
    convolutions = [m for m in small.modules() if isinstance(m, nn.Conv2d)]
    planned = {key.rpartition(".")[0] for key in slice_plan(full, small)}
    assert len(planned) == len(convolutions)


def test_the_ladder_reaches_from_an_entry_phone_to_a_flagship() -> None:
    assert 0.08 <= cost(tier("trimap", "t01")).gmacs <= 0.15
    assert 12 <= cost(tier("trimap", "t12")).gmacs <= 20


def test_every_row_is_trained_for_itself_and_no_reference_is_lost_on_the_way_up() -> None:
    assert [row.weights_of for row in ROWS.values()] == list(ROWS)
    kept = [row.shaped(TrimapShape).references for row in ROWS.values()]
    assert kept == sorted(kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": 0}, "key 0, value 32.*every count is at least 1"),
        ({"references": 0}, "references 0.*every count is at least 1"),
        ({"branch": (32, 16, 0, 8)}, r"branch \(32, 16, 0, 8\).*every count is at least 1"),
        ({"residuals": (0, 0, -1, 0)}, r"residuals is \(0, 0, -1, 0\); none may be below 0"),
        ({"width": 2.5}, r"width is 2\.5; it must lie in \(0, 2\]"),
    ],
)
def test_a_shape_that_is_no_network_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SHAPE, **change)  # type: ignore[arg-type]


def test_programs_of_another_network_are_refused() -> None:
    message = "programs of trimap t01 need a TrimapPropagation, not a Linear"
    with pytest.raises(TypeError, match=message):
        programs(nn.Linear(1, 1), SPEC)
