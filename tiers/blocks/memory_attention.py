"""Attention from the pixels of a frame to those of a memory bank, without parameters.

Oh et al., "Video Object Segmentation using Space-Time Memory Networks", ICCV 2019: the affinity
is a product of keys. Cheng, Tai, Tang, "Rethinking Space-Time Networks with Improved Memory
Coverage", NeurIPS 2021: it is minus their squared distance. Cheng, Tai, Tang, "Modular Interactive
Video Object Segmentation", CVPR 2021: only the ``k`` best pixels of the memory are kept.
"""

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Similarity: TypeAlias = Literal["product", "distance"]

# Added to the affinity of a slot that was never written: far enough below any other that its
# weight is exactly 0, and half precision holds it.
_ABSENT = -1e4

# An affinity that lies this little below the k-th best, or less, keeps part of its weight, so that
# a runtime's rounding cannot turn a neighbour on or off. Within it weights differ by 1 %.
TIE = 0.01


class MemoryAttention(nn.Module):
    """Read a memory bank: at every pixel of the frame, a weighted mean of the memory's values.

    There are two forms of one function, equal but for ties at the k-th best: calling the module,
    which is exported (softmax on the last axis, an additive mask, a threshold: XNNPACK takes all
    but the search for the k-th best), and ``exactly``, which is what the papers describe.

    Input:
        query: ``(1, C, h, w)`` keys of the frame.
        memory_key: ``(S, G * C, h, w)`` of S slots; one group's channels after the other's.
        memory_value: ``(S, K * V, h, w)``; one object's channels after the other's.
        memory_valid: ``(S, 1, 1, 1)``, 1 for a slot that was written and 0 for any other.

    Output:
        readout: ``(K, V, h, w)``.

    Args:
        key: Channels C of a key.
        objects: Objects K whose values are read.
        groups: G: 1 where all objects share the memory's keys, K where every object has its own.
        similarity: ``product`` of keys or minus their squared ``distance``, over the root of C.
        top_k: Memory pixels kept for each pixel of the frame, 0 for all of them.
    """

    factor: Tensor
    one: Tensor
    row: Tensor

    def __init__(
        self, key: int, *, objects: int, groups: int, similarity: Similarity, top_k: int
    ) -> None:
        super().__init__()
        self.objects = objects
        self.groups = groups
        self.similarity = similarity
        self.top_k = top_k
        scale = key**-0.5
        # of the query, before the product, which half precision must hold; one copy a group
        factor = torch.full((groups, 1, 1, 1), scale if similarity == "product" else 2 * scale)
        self.register_buffer("factor", factor, persistent=False)
        # XNNPACK takes no sum: products with ones stand in, here for a row of weights
        self.register_buffer("one", torch.ones(groups, 1, 1), persistent=False)
        # and here, as a 1x1 convolution, for the squares of a key
        row = torch.full((groups, key, 1, 1), scale)
        self.register_buffer("row", row, persistent=False)

    def forward(
        self, query: Tensor, memory_key: Tensor, memory_value: Tensor, memory_valid: Tensor
    ) -> Tensor:
        """Attend, in the form that is exported."""
        affinity = self.affinity(query, memory_key, memory_valid)
        weights = functional.softmax(affinity, dim=-1)
        values = _pixels(memory_value, self.groups)
        if self.top_k:
            least = torch.topk(affinity, self.top_k, dim=-1).values[..., self.top_k - 1 :]
            weights = weights * ((affinity - least).clamp(-TIE, 0.0) * (1 / TIE) + 1)
        # without top_k it is 1 but for the softmax's rounding, 1 % of it in half precision
        total = torch.bmm(weights, self.one.expand(-1, values.shape[1], -1))
        return self._map(torch.bmm(weights, values) / total, query)

    def exactly(
        self, query: Tensor, memory_key: Tensor, memory_value: Tensor, memory_valid: Tensor
    ) -> Tensor:
        """Attend as published: unwritten slots are left out, all but the ``top_k`` are 0."""
        written = memory_valid.flatten() > 0
        valid = memory_valid[written]
        affinity = self.affinity(query, memory_key[written], valid)
        count = min(self.top_k, affinity.shape[-1]) if self.top_k else affinity.shape[-1]
        best = torch.topk(affinity, count, dim=-1)
        shares = functional.softmax(best.values, dim=-1)
        weights = torch.zeros_like(affinity).scatter(-1, best.indices, shares)
        values = _pixels(memory_value[written], self.groups)
        return self._map(torch.bmm(weights, values), query)

    def affinity(self, query: Tensor, memory_key: Tensor, memory_valid: Tensor) -> Tensor:
        """Return how well the memory's pixels fit each pixel of the frame.

        Minus a squared distance is given less the query's own square, which is the same for all of
        the memory and falls out of the softmax: ``2 m.q - |m|^2``.

        Returns:
            ``(G, h*w, S*h*w)``; about -1e4 at slots that were never written.
        """
        slots, _, height, width = memory_key.shape
        offset = ((1 - memory_valid) * _ABSENT).reshape(1, 1, slots, 1)
        if self.similarity == "distance":
            squares = functional.conv2d(memory_key * memory_key, self.row, groups=self.groups)
            squares = squares.permute(1, 0, 2, 3).reshape(self.groups, 1, slots, height * width)
            offset = offset - squares
        rows = (query * self.factor).flatten(2).transpose(1, 2)  # (G, h*w, C)
        product = torch.bmm(rows, _pixels(memory_key, self.groups).transpose(1, 2))
        apart = product.reshape(self.groups, height * width, slots, height * width)
        return (apart + offset).reshape(self.groups, height * width, slots * height * width)

    def _map(self, readout: Tensor, query: Tensor) -> Tensor:
        """Bring ``(G, h*w, K / G * V)`` to ``(K, V, h, w)``."""
        groups, _, channels = readout.shape
        count = groups * channels // self.objects
        return readout.transpose(1, 2).reshape(self.objects, count, *query.shape[2:])


def _pixels(memory: Tensor, groups: int) -> Tensor:
    """Return ``(S, G * C, h, w)`` as one row a pixel, ``(G, S*h*w, C)``."""
    slots, channels, height, width = memory.shape
    apart = memory.reshape(slots, groups, channels // groups, height * width)
    return apart.permute(1, 0, 3, 2).reshape(groups, slots * height * width, channels // groups)
