import pytest
import torch
from torch import Tensor

from tiers.blocks.memory_ring import mark, write

SLOTS = 4


def one_hot(slot: int) -> Tensor:
    return torch.eye(SLOTS)[slot].view(SLOTS, 1, 1, 1)


def drawn(count: int, seed: int) -> Tensor:
    return torch.randn(count, 3, 2, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("slot", range(SLOTS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_one_slot_is_replaced_and_the_others_keep_their_bits(slot: int, dtype: torch.dtype) -> None:
    memory, value = (1e3 * drawn(SLOTS, 0)).to(dtype), (1e-3 * drawn(1, 1)).to(dtype)
    after = write(memory, one_hot(slot).to(dtype), value)
    expected = memory.clone()
    expected[slot] = value[0]
    assert torch.equal(after, expected)


def test_writing_leaves_what_was_given_as_it_was() -> None:
    memory = drawn(SLOTS, 0)
    write(memory, one_hot(1), drawn(1, 1))
    assert torch.equal(memory, drawn(SLOTS, 0))


def test_the_ring_holds_the_pinned_frame_and_the_latest_ones() -> None:
    memory, valid = torch.zeros(SLOTS, 3, 2, 5), torch.zeros(SLOTS, 1, 1, 1)
    frames = [drawn(1, seed) for seed in range(9)]
    for index, frame in enumerate(frames):
        slot = 0 if index == 0 else 1 + (index - 1) % (SLOTS - 1)
        memory, valid = write(memory, one_hot(slot), frame), mark(valid, one_hot(slot))
    # the eight frames after the first went to the slots 1, 2, 3, 1, 2, 3, 1, 2
    assert torch.equal(memory, torch.cat([frames[0], frames[7], frames[8], frames[6]]))
    assert valid.flatten().tolist() == [1, 1, 1, 1]


def test_a_slot_is_marked_once_and_stays_so() -> None:
    valid = mark(mark(torch.zeros(SLOTS, 1, 1, 1), one_hot(2)), one_hot(2))
    assert valid.flatten().tolist() == [0, 0, 1, 0]
    assert mark(valid, one_hot(0)).flatten().tolist() == [1, 0, 1, 0]
