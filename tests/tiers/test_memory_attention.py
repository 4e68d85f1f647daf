import pytest
import torch
from torch import Tensor

from tiers.blocks.memory_attention import TIE, MemoryAttention, Similarity

KEY, VALUE, HW = 8, 6, (3, 5)
PIXELS = HW[0] * HW[1]


def attention(
    *, groups: int = 1, similarity: Similarity = "distance", top_k: int = 0
) -> MemoryAttention:
    return MemoryAttention(KEY, objects=2, groups=groups, similarity=similarity, top_k=top_k)


def drawn(slots: int, groups: int = 1, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return a query, memory keys and memory values."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((1, KEY), (slots, groups * KEY), (slots, 2 * VALUE))
    query, key, value = (torch.randn(*shape, *HW, generator=generator) for shape in shapes)
    return query, key, value


def written(*slots: int) -> Tensor:
    return torch.tensor(slots, dtype=torch.float32).view(-1, 1, 1, 1)


@pytest.mark.parametrize("similarity", ["product", "distance"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("top_k", [0, 1, 4, 20])
@pytest.mark.parametrize("valid", [(1, 1, 1), (1, 0, 1), (0, 1, 0)])
def test_the_exported_form_is_the_published_one(
    similarity: Similarity, groups: int, top_k: int, valid: tuple[int, ...]
) -> None:
    block = attention(groups=groups, similarity=similarity, top_k=top_k)
    for seed in range(5):
        query, key, value = drawn(3, groups, seed)
        query, key = 3 * query, 3 * key  # affinities far apart, as trained ones are
        affinity = block.affinity(query, key, written(*valid))
        best = affinity.topk(min(top_k + 1, PIXELS * sum(valid)), dim=-1).values
        if top_k and best.shape[-1] > top_k:
            apart = (best[..., -2] - best[..., -1]).flatten() > TIE  # the pixels without a tie
        else:
            apart = torch.ones(groups * PIXELS, dtype=torch.bool)
        assert apart.float().mean() > 0.8, "this test is about pixels without a tie"
        given = block(query, key, value, written(*valid))
        exact = block.exactly(query, key, value, written(*valid))
        difference = (given - exact).abs().reshape(groups, -1, PIXELS).amax(1).flatten()
        assert difference[apart].max() < 1e-5


def test_equals_at_the_kth_best_share_where_the_published_form_drops_one() -> None:
    query, key, value = drawn(2)
    key = key[:1].repeat(2, 1, 1, 1)  # every pixel of the memory is there twice
    block, valid = attention(top_k=1), written(1, 1)
    best = block.affinity(query, key[:1], written(1)).argmax(-1).flatten()
    both = (value[0] + value[1]).flatten(1)[:, best].view(2, VALUE, *HW) / 2
    assert torch.allclose(block(query, key, value, valid), both, atol=1e-5)
    exact = block.exactly(query, key, value, valid)
    assert not torch.allclose(exact, both, atol=1e-2)


@pytest.mark.parametrize(("missed_by", "share"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (50.0, 0.0)])
def test_what_just_misses_the_kth_best_fades(missed_by: float, share: float) -> None:
    block = MemoryAttention(1, objects=1, groups=1, similarity="product", top_k=1)
    key = torch.tensor([0.0, -missed_by * TIE]).view(1, 1, 1, 2)  # of a memory of two pixels
    value = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    readout = block(torch.ones(1, 1, 1, 2), key, value, written(1))
    assert readout.flatten().tolist() == pytest.approx([share / (1 + share)] * 2, abs=3e-3)


@pytest.mark.parametrize("top_k", [0, 4])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_slot_that_was_never_written_contributes_exactly_nothing(top_k: int, groups: int) -> None:
    query, key, value = drawn(4, groups)
    block, valid = attention(groups=groups, top_k=top_k), written(1, 0, 1, 0)
    expected = block(query, key, value, valid)
    key[[1, 3]], value[[1, 3]] = query.repeat(2, groups, 1, 1), 1e6  # the best match there can be
    assert torch.equal(block(query, key, value, valid), expected)
    assert not torch.equal(block(query, key, value, written(1, 1, 1, 1)), expected)


@pytest.mark.parametrize("top_k", [0, 4, PIXELS + 3])
def test_one_written_slot_is_read_whatever_the_others_hold(top_k: int) -> None:
    query, key, value = drawn(4)
    block, valid = attention(top_k=top_k), written(0, 0, 1, 0)
    alone = attention(top_k=min(top_k, PIXELS))(query, key[2:3], value[2:3], written(1))
    assert torch.allclose(block(query, key, value, valid), alone, atol=1e-6)
    assert torch.allclose(block.exactly(query, key, value, valid), alone, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("top_k", [0, 4])
def test_a_bank_that_was_never_written_gives_zeros_and_no_nan(
    top_k: int, dtype: torch.dtype
) -> None:
    query, key, value = (tensor.to(dtype) for tensor in drawn(3))
    readout = attention(top_k=top_k).to(dtype)(
        query, 0 * key, 0 * value, written(0, 0, 0).to(dtype)
    )
    assert torch.equal(readout, torch.zeros(2, VALUE, *HW, dtype=dtype))


@pytest.mark.parametrize("top_k", [0, 4])
def test_it_does_not_matter_where_the_ring_has_wrapped_round(top_k: int) -> None:
    query, key, value = drawn(4)
    block, valid = attention(top_k=top_k), written(1, 1, 1, 1)
    expected = block(query, key, value, valid)
    for shift in (1, 2, 3):
        turned = block(query, key.roll(shift, 0), value.roll(shift, 0), valid)
        assert torch.allclose(turned, expected, atol=1e-6)


def test_the_affinity_is_minus_the_squared_distance_over_the_root_of_the_channels() -> None:
    query, key, _ = drawn(3)
    affinity = attention().affinity(query, key, written(1, 1, 1))[0]
    rows, memory = query[0].flatten(1).T, key.permute(1, 0, 2, 3).flatten(1).T
    distance = torch.cdist(rows, memory).square() / KEY**0.5
    own = rows.square().sum(1, keepdim=True) / KEY**0.5
    assert torch.allclose(affinity, own - distance, atol=1e-5)


def test_every_object_with_its_own_keys_is_read_as_if_it_were_alone() -> None:
    query, key, value = drawn(3, groups=2)
    valid = written(1, 1, 0)
    both = attention(groups=2, similarity="product", top_k=4)(query, key, value, valid)
    single = MemoryAttention(KEY, objects=1, groups=1, similarity="product", top_k=4)
    for index in range(2):
        own_key = key[:, index * KEY : (index + 1) * KEY]
        own_value = value[:, index * VALUE : (index + 1) * VALUE]
        alone = single(query, own_key, own_value, valid)
        assert torch.allclose(both[index : index + 1], alone, atol=1e-6)


def test_a_pixel_that_is_in_the_memory_is_found_again() -> None:
    _, key, value = drawn(2)
    key = 20 * key
    moved = key[1:].roll((1, 2), (2, 3))
    readout = attention()(moved, key, value, written(1, 1))
    expected = value[1].roll((1, 2), (1, 2)).view(2, VALUE, *HW)
    assert torch.allclose(readout, expected, atol=1e-4)


def test_half_precision_holds_what_is_inside() -> None:
    query, key, value = drawn(3)
    block, valid = attention(top_k=4), written(1, 0, 1)
    expected = block(5 * query, 5 * key, value, valid)
    halves = (tensor.half() for tensor in (5 * query, 5 * key, value, valid))
    readout = attention(top_k=4).half()(*halves)
    assert (readout.float() - expected).abs().mean() < 0.02
