"""Attention between object queries and pixels, in the forms that exporters take.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017. Weights are laid out as PyTorch's own
multi-head attention has them; the mathematics is written in products of three axes and a softmax
over the last one, because mobile runtimes leave anything else to slow kernels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.global_mean import global_mean

# Added to the score of what may not be attended to. Its weight becomes 0 only behind the softmax;
# here it makes room, so that half precision holds the weights of all else.
_MAKE_ROOM = -8.0
_LEAST = 6.2e-5  # sum of weights; the smallest number that half precision holds in full
_LAYER_NORM_EPSILON = 1e-5


class MultiHeadAttention(nn.Module):
    """Let every query take a mean over what its heads attend to.

    Input:
        query: ``(N, L, C)``.
        key: ``(N, S, C)``.
        value: ``(N, S, C)``.
        allowed: ``(N, L, S)`` in 0..1, what a weight is multiplied by before they are brought to
            a sum of 1 again; ``None`` where all are allowed.

    Output:
        y: ``(N, L, C)``.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None) -> Tensor:
        """Attend."""
        batch, length, channels = query.shape
        scale = (channels // self.heads) ** -0.5
        q = self._heads(self._projected(query, 0) * scale)  # scaled first: fp16 holds the product
        k = self._heads(self._projected(key, 1))
        v = self._heads(self._projected(value, 2))
        scores = torch.bmm(q, k.transpose(1, 2))  # (N heads, L, S)
        y = torch.bmm(scores.softmax(dim=-1), v) if allowed is None else _read(scores, v, allowed)
        y = y.view(batch, self.heads, length, -1).transpose(1, 2).reshape(batch, length, channels)
        projected: Tensor = self.out_proj(y)
        return projected

    def _projected(self, x: Tensor, part: int) -> Tensor:
        batch, length, channels = x.shape
        rows = slice(part * channels, (part + 1) * channels)
        # two axes: of three that lie transposed in memory, XNNPACK would leave a copy outside
        flat = x.reshape(batch * length, channels)
        y = functional.linear(flat, self.in_proj_weight[rows], self.in_proj_bias[rows])
        return y.view(batch, length, channels)

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, channels = x.shape
        split = x.view(batch, length, self.heads, channels // self.heads).transpose(1, 2)
        return split.reshape(batch * self.heads, length, channels // self.heads)


def _read(scores: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """Return what every head reads of ``value`` ``(N heads, S, C)`` where it is allowed to."""
    batch, length, positions = allowed.shape
    each = allowed.reshape(batch, 1, length, positions)
    by_head = scores.view(batch, -1, length, positions)
    weights = (by_head + (1 - each) * _MAKE_ROOM).softmax(dim=-1) * each
    weights = weights.reshape(scores.shape)
    total = global_mean(weights.reshape(-1, length, 1, positions)) * positions
    return torch.bmm(weights, value) / total.reshape(-1, length, 1).clamp(min=_LEAST)


class LayerNorm(nn.Module):
    """Normalise every vector over its channels.

    Ba et al., "Layer Normalization", 2016, written as means over the last two of four axes.

    Input:
        x: ``(N, L, C)``.

    Output:
        y: ``(N, L, C)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        shape = x.shape
        x = x.reshape(*shape, 1)
        centred = x - global_mean(x)
        variance = global_mean(centred * centred)
        y = (centred * (variance + _LAYER_NORM_EPSILON).rsqrt()).reshape(shape)
        return y * self.weight + self.bias


class CrossAttention(nn.Module):
    """Let queries read from a memory; both know where they are.

    Input:
        x: ``(N, L, C)``.
        memory: ``(N, S, C)``.
        x_position: ``(N, L, C)``.
        memory_position: ``(N, S, C)``.
        allowed: ``(N, L, S)`` in 0..1, or ``None``.

    Output:
        y: ``(N, L, C)``.

    Args:
        channels: ``C``.
        heads: Of the attention.
        normalised: Whether ``x`` is normalised first.
    """

    def __init__(self, channels: int, heads: int, *, normalised: bool) -> None:
        super().__init__()
        self.cross_attn = MultiHeadAttention(channels, heads)
        self.norm = LayerNorm(channels) if normalised else nn.Identity()

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        x_position: Tensor,
        memory_position: Tensor,
        allowed: Tensor | None,
    ) -> Tensor:
        """Attend, then add to the normalised input."""
        x = self.norm(x)
        y: Tensor = self.cross_attn(x + x_position, memory + memory_position, memory, allowed)
        return x + y


class SelfAttention(nn.Module):
    """Let queries read from each other.

    Input:
        x: ``(N, L, C)``.
        position: ``(N, L, C)``.

    Output:
        y: ``(N, L, C)``.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.self_attn = MultiHeadAttention(channels, heads)
        self.norm = LayerNorm(channels)

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """Attend, then add to the normalised input."""
        x = self.norm(x)
        at = x + position
        y: Tensor = self.self_attn(at, at, x, None)
        return x + y


class FeedForward(nn.Module):
    """Two layers on every vector by itself.

    Input:
        x: ``(N, L, C)``.

    Output:
        y: ``(N, L, C)``.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, inner)
        self.linear2 = nn.Linear(inner, channels)
        self.norm = LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the layers find."""
        y: Tensor = self.linear2(self.linear1(self.norm(x)).relu())
        return x + y
