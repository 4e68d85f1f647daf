"""A bank of memory slots, written without an index.

The slot is a one-hot vector, so that a written bank is plain arithmetic of fixed shapes in every
format; which slot it is, is decided outside of the graph.
"""

import torch
from torch import Tensor


def write(memory: Tensor, slot: Tensor, value: Tensor) -> Tensor:
    """Replace one slot of a bank; every other one keeps its very bits.

    Args:
        memory: ``(S, C, h, w)`` of S slots.
        slot: ``(S, 1, 1, 1)``, 1 at the slot to write and 0 elsewhere.
        value: ``(1, C, h, w)``.

    Returns:
        ``(S, C, h, w)``.
    """
    # not m + s * (v - m): that rounds, and a slot would not hold what was written
    return memory * (1 - slot) + value * slot


def mark(memory_valid: Tensor, slot: Tensor) -> Tensor:
    """Mark a slot as written.

    Args:
        memory_valid: ``(S, 1, 1, 1)``, 1 for a slot that was written.
        slot: ``(S, 1, 1, 1)``, 1 at the slot being written.

    Returns:
        ``(S, 1, 1, 1)``.
    """
    return torch.maximum(memory_valid, slot)
