"""Memory reading by an L2 similarity whose directions are weighted.

Cheng and Schwing, "XMem: Long-Term Video Object Segmentation with an Atkinson-Shiffrin Memory
Model", ECCV 2022, section 3.2::

    similarity(m, q) = -s_m sum_c e_qc (k_mc - k_qc)^2 / sqrt(C)

with the shrinkage ``s`` of a memory position and the selection ``e`` of a query position.
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

# Keys (slots, C, H, W), shrinkages (slots, 1, H, W), values (slots, objects C', H, W) and validity
# (slots, 1, 1, 1) of a memory bank.
Bank: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]

# A similarity that lies this little below the last one that counts, or less, keeps part of its
# weight, so that a runtime's rounding cannot turn a position on or off.
TIE = 1e-3

_UNWRITTEN = 1e4  # taken off the similarity of a slot that nothing was written to


class AnisotropicAttention(nn.Module):
    """Read a memory bank: at every position of the frame, a weighted mean of the memory's values.

    Weights are the softmax of the similarities, of the best positions alone where the network asks
    for that (Cheng et al., "Modular Interactive Video Object Segmentation", CVPR 2021). Calling
    the module is the form that exporters take; ``exactly`` is what the papers describe. The two
    agree but where a position falls short of the last one that counts by less than ``TIE``.

    Input:
        key: ``(1, C, H, W)`` of the frame.
        selection: ``(1, C, H, W)`` in 0..1, likewise.
        bank: The memory.

    Output:
        readout: ``(objects, C', H, W)``.

    Args:
        channels: ``C``.
        objects: Their number.
        best: Positions of the memory that count; 0 for all of them.
    """

    one: Tensor
    ones: Tensor

    def __init__(self, channels: int, objects: int, best: int) -> None:
        super().__init__()
        self.scale = channels**-0.5
        self.objects = objects
        self.best = best
        # XNNPACK takes no sum: a product with ones stands in, and a 1x1 convolution over channels
        self.register_buffer("one", torch.ones(1, 1, 1), persistent=False)
        self.register_buffer("ones", torch.ones(1, channels, 1, 1), persistent=False)

    def forward(self, key: Tensor, selection: Tensor, bank: Bank) -> Tensor:
        """Attend, in the form that is exported."""
        scores = self.scores(key, selection, bank)
        weights, values = scores.softmax(dim=-1), _rows(bank[2])
        if not self.best:
            return self._map(torch.bmm(weights, values), key)
        count = min(self.best, scores.shape[2])
        last = scores.topk(count, dim=-1).values[:, :, count - 1 :]
        kept = weights * ((scores - last).clamp(-TIE, 0.0) * (1 / TIE) + 1)
        total = torch.bmm(kept, self.one.expand(-1, values.shape[1], -1))
        return self._map(torch.bmm(kept, values) / total, key)

    def exactly(self, key: Tensor, selection: Tensor, bank: Bank) -> Tensor:
        """Attend as published."""
        scores = self.scores(key, selection, bank)
        best = scores.topk(min(self.best or scores.shape[2], scores.shape[2]), dim=-1)
        shares = best.values.softmax(dim=-1)
        weights = torch.zeros_like(scores).scatter(-1, best.indices, shares)
        return self._map(torch.bmm(weights, _rows(bank[2])), key)

    def scores(self, key: Tensor, selection: Tensor, bank: Bank) -> Tensor:
        """Return the similarities ``(1, H W, slots H W)``, not positive."""
        memory_key, shrinkage, _, valid = bank
        selection = selection * self.scale  # before the products, which fp16 would not hold
        weighted = key * selection
        here = torch.cat([2 * weighted, -selection], dim=1).flatten(2).transpose(1, 2)
        there = _rows(torch.cat([memory_key, memory_key * memory_key], dim=1))
        own = functional.conv2d(key * weighted, self.ones).flatten(2).transpose(1, 2)
        product = torch.bmm(here, there.transpose(1, 2)) - own
        unwritten = (valid - 1) * _UNWRITTEN + shrinkage * 0  # (slots, 1, H, W)
        return product * shrinkage.reshape(1, 1, -1) + unwritten.reshape(1, 1, -1)

    def _map(self, rows: Tensor, key: Tensor) -> Tensor:
        height, width = key.shape[2:]
        return rows.transpose(1, 2).reshape(self.objects, -1, height, width)


def _rows(memory: Tensor) -> Tensor:
    """Return ``(slots, C, H, W)`` as one row a position, ``(1, slots H W, C)``."""
    slots, channels, height, width = memory.shape
    rows = memory.flatten(2).transpose(1, 2)
    return rows.reshape(1, slots * height * width, channels)
