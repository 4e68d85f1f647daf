import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.anisotropic_attention import TIE, AnisotropicAttention, Bank
from tiers.blocks.object_attention import LayerNorm, MultiHeadAttention
from tiers.blocks.object_transformer import ObjectTransformer
from tiers.blocks.objects import others_sum
from tiers.blocks.sine_encoding import SineEncoding

HW = (3, 4)


def noise(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def bank_of(slots: int, channels: int, values: int) -> Bank:
    return (
        noise(slots, channels, *HW, seed=1, scale=2),
        noise(slots, 1, *HW, seed=2).square() + 1,
        noise(slots, values, *HW, seed=3),
        torch.ones(slots, 1, 1, 1),
    )


def frame_of(channels: int) -> tuple[Tensor, Tensor]:
    return noise(1, channels, *HW, seed=4, scale=2), noise(1, channels, *HW, seed=5).sigmoid()


def test_the_similarity_is_the_weighted_distance_of_the_paper() -> None:
    key, selection = frame_of(6)
    bank = bank_of(2, 6, 4)
    scores = AnisotropicAttention(6, 1, best=0).scores(key, selection, bank)
    for here, there in ((0, 0), (5, 7), (11, 23)):
        row, column = divmod(here, HW[1])
        slot, (r, c) = there // 12, divmod(there % 12, HW[1])
        apart = bank[0][slot, :, r, c] - key[0, :, row, column]
        distance = (selection[0, :, row, column] * apart.square()).sum()
        expected = -bank[1][slot, 0, r, c] * distance / math.sqrt(6)
        torch.testing.assert_close(scores[0, here, there], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("best", [0, 5])
def test_both_forms_of_reading_agree_where_none_is_at_the_limit(best: int) -> None:
    key, selection = frame_of(6)
    bank = bank_of(2, 6, 4)
    attention = AnisotropicAttention(6, 2, best=best)
    if best:
        ordered = attention.scores(key, selection, bank).sort(dim=-1, descending=True).values
        assert (ordered[..., best - 1] - ordered[..., best]).min() > TIE
    readout = attention(key, selection, bank)
    assert readout.shape == (2, 2, *HW)
    torch.testing.assert_close(readout, attention.exactly(key, selection, bank))
    assert readout.std() > 0.1


def test_only_the_best_positions_are_read() -> None:
    key, selection = frame_of(6)
    bank = bank_of(2, 6, 4)
    attention = AnisotropicAttention(6, 1, best=1)
    nearest = attention.scores(key, selection, bank).argmax(dim=-1)[0]
    values = bank[2].permute(1, 0, 2, 3).flatten(1)
    expected = values[:, nearest].view(1, 4, *HW)
    torch.testing.assert_close(attention(key, selection, bank), expected)


@pytest.mark.parametrize("best", [0, 5])
def test_what_was_never_written_is_not_read(best: int) -> None:
    key, selection = frame_of(6)
    memory_key, shrinkage, value, valid = bank_of(3, 6, 4)
    attention = AnisotropicAttention(6, 1, best=best)
    alone = attention(key, selection, (memory_key[:1], shrinkage[:1], value[:1], valid[:1]))
    valid = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1, 1)
    torch.testing.assert_close(
        attention(key, selection, (memory_key, shrinkage, value, valid)), alone
    )


def test_a_position_that_ties_with_the_last_one_counts_as_much() -> None:
    key, selection = frame_of(6)
    memory_key, shrinkage, value, valid = bank_of(1, 6, 4)
    twice = (
        torch.cat([memory_key] * 2),
        torch.cat([shrinkage] * 2),
        torch.cat([value, -value]),
        torch.cat([valid] * 2),
    )
    readout = AnisotropicAttention(6, 1, best=1)(key, selection, twice)
    assert readout.abs().max() < 1e-6, "a value and its opposite, both nearest, cancel out"


def test_attention_is_pytorchs_own_with_the_same_weights() -> None:
    ours, theirs = MultiHeadAttention(16, 4), nn.MultiheadAttention(16, 4, batch_first=True)
    ours.in_proj_bias.data.normal_(generator=torch.Generator().manual_seed(1))
    theirs.load_state_dict(ours.state_dict())
    query, key, value = noise(2, 5, 16), noise(2, 7, 16, seed=1), noise(2, 7, 16, seed=2)
    expected, _ = theirs(query, key, value, need_weights=False)
    torch.testing.assert_close(ours(query, key, value, None), expected)
    blocked = noise(2, 5, 7, seed=3) > 0.5
    blocked[:, :, 0] = False
    expected, _ = theirs(
        query, key, value, attn_mask=blocked.repeat_interleave(4, dim=0), need_weights=False
    )
    torch.testing.assert_close(ours(query, key, value, 1.0 - blocked.float()), expected)


def test_normalisation_is_pytorchs_own() -> None:
    norm, x = LayerNorm(24), noise(2, 5, 24, scale=3) + 1
    norm.weight.data.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    norm.bias.data.uniform_(-1, 1, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(norm(x), functional.layer_norm(x, (24,), norm.weight, norm.bias))


def test_a_position_is_encoded_by_its_column_and_row() -> None:
    encoding = SineEncoding(16)(3, 5).view(3, 5, 16)
    assert torch.equal(encoding[0, :, :8], encoding[2, :, :8])
    assert torch.equal(encoding[:, 0, 8:], encoding[:, 4, 8:])
    assert encoding.flatten(0, 1).unique(dim=0).shape[0] == 15
    last_column = encoding[0, 4, :2]
    torch.testing.assert_close(
        last_column, torch.tensor([math.sin(32), math.cos(32)]), atol=1e-3, rtol=0
    )


def test_every_object_sees_the_masks_of_the_others() -> None:
    masks = torch.tensor([0.25, 0.5]).view(2, 1, 1, 1)
    assert others_sum(masks).flatten().tolist() == [0.5, 0.25]
    assert others_sum(torch.full((3, 1, 1, 1), 0.75)).flatten().tolist() == [1, 1, 1]
    assert others_sum(masks[:1]).flatten().tolist() == [0]


def transformer(blocks: int = 2) -> ObjectTransformer:
    torch.manual_seed(2)
    made = ObjectTransformer(16, queries=4, blocks=blocks, heads=2, inner=32).eval()
    return made.requires_grad_(requires_grad=False)


def test_queries_look_at_their_side_of_the_mask_only() -> None:
    made = transformer()
    pixel = noise(2, 16, *HW, seed=1)
    allowed = made._allowed(0, pixel, torch.ones(2, 1, 1, 1), exact=True)
    inside = allowed[:, 0]
    assert 0 < inside.mean() < 1
    assert torch.equal(allowed[:, 1], inside)
    assert torch.equal(allowed[:, 2], 1 - inside)
    assert not (inside[0] * inside[1]).any(), "no pixel belongs to two objects"
    nobody = made._allowed(0, pixel, torch.zeros(2, 1, 1, 1), exact=True)
    assert torch.equal(nobody, torch.ones_like(nobody)), "who has no pixel sees all of them"


def test_both_forms_of_the_transformer_agree_where_no_pixel_is_undecided() -> None:
    made = transformer(blocks=1)
    pixel, values = noise(2, 16, *HW, seed=3, scale=4), noise(2, 4, 16, seed=2)
    present = torch.ones(2, 1, 1, 1)
    decided = made._allowed(0, made.pixel_init_proj(pixel), present, exact=False)
    assert set(decided.flatten().tolist()) == {0, 1}
    exact = made(pixel, values, present, exact=True)
    torch.testing.assert_close(made(pixel, values, present, exact=False), exact)
    everywhere = made(pixel, values, present * 0, exact=True)
    assert (exact - everywhere).abs().max() > 0.01, "the mask makes no difference"
