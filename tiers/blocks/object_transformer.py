"""Object transformer: queries that stand for an object, and pixels, read from each other in turn.

Cheng et al., "Putting the Object Back into Video Object Segmentation" (Cutie), CVPR 2024, section
3.3. Half of the queries see only pixels of their object, half only the others. Parameter names are
those of the official MatAnyone checkpoints.
"""

import torch
from torch import Tensor, nn

from tiers.blocks.channel_attention import ChannelAttentionBlock
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.global_mean import global_mean
from tiers.blocks.object_attention import CrossAttention, FeedForward, SelfAttention
from tiers.blocks.objects import others
from tiers.blocks.sine_encoding import SineEncoding

# Where the probability of an object and that of what else there may be are as close as this, a
# pixel counts in part, so that a runtime's rounding cannot turn it on or off.
TIE = 0.01


class ObjectTransformer(nn.Module):
    """Refine the readout of every object by queries that see the object as a whole.

    Input:
        pixel: ``(objects, C, H, W)``.
        object_values: ``(objects, queries, C)``, the mean features of the object summaries.
        present: ``(objects, 1, 1, 1)``, 1 for an object that there is, 0 for one that there is not.

    Output:
        pixel: ``(objects, C, H, W)``.

    Args:
        channels: ``C``.
        queries: Per object; even.
        blocks: Number of rounds.
        heads: Of every attention.
        inner: Channels inside a feed-forward part.
    """

    def __init__(self, channels: int, *, queries: int, blocks: int, heads: int, inner: int) -> None:
        super().__init__()
        self.of_each_kind = queries // 2
        self.query_init = nn.Embedding(queries, channels)
        self.query_emb = nn.Embedding(queries, channels)
        self.summary_to_query_init = nn.Linear(channels, channels)
        self.summary_to_query_emb = nn.Linear(channels, channels)
        self.pixel_init_proj = ElasticConv2d((channels,), (channels,), 1, bias=True)
        self.pixel_emb_proj = ElasticConv2d((channels,), (channels,), 1, bias=True)
        self.spatial_pe = SineEncoding(channels)
        self.blocks = nn.ModuleList(_Block(channels, heads, inner) for _ in range(blocks))
        self.mask_pred = nn.ModuleList(
            nn.Sequential(nn.ReLU(), ElasticConv2d((channels,), (1,), 1, bias=True))
            for _ in range(blocks + 1)
        )

    def forward(
        self, pixel: Tensor, object_values: Tensor, present: Tensor, *, exact: bool
    ) -> Tensor:
        """Run all rounds.

        Args:
            pixel: As above.
            object_values: As above.
            present: As above.
            exact: Whether pixels are told apart by a comparison, as in training, or by the
                arithmetic that exporters take; the two differ within ``TIE``.
        """
        height, width = pixel.shape[2:]
        query = self.query_init.weight + self.summary_to_query_init(object_values)
        query_position = self.query_emb.weight + self.summary_to_query_emb(object_values)
        position = _flat(self.pixel_emb_proj(pixel)) + self.spatial_pe(height, width)
        pixel = self.pixel_init_proj(pixel)
        allowed = self._allowed(0, pixel, present, exact=exact)
        for index, block in enumerate(self.blocks, start=1):
            query, pixel = block(query, pixel, query_position, position, allowed)
            if index < len(self.blocks):
                allowed = self._allowed(index, pixel, present, exact=exact)
        return pixel

    def _allowed(self, index: int, pixel: Tensor, present: Tensor, *, exact: bool) -> Tensor:
        """Return which pixels a query may see ``(objects, queries, H W)``."""
        probability = self.mask_pred[index](pixel).sigmoid() * present  # (objects, 1, H, W)
        margin = _margin(probability)
        inside = (margin >= 0).to(margin) if exact else _step(margin)
        outside = 1 - inside
        inside, outside = _never_empty(inside), _never_empty(outside)
        count = self.of_each_kind
        return torch.cat([inside.flatten(2)] * count + [outside.flatten(2)] * count, dim=1)


class _Block(nn.Module):
    def __init__(self, channels: int, heads: int, inner: int) -> None:
        super().__init__()
        self.read_from_pixel = CrossAttention(channels, heads, normalised=True)
        self.self_attn = SelfAttention(channels, heads)
        self.ffn = FeedForward(channels, inner)
        self.read_from_query = CrossAttention(channels, heads, normalised=False)
        self.pixel_ffn = _PixelFeedForward(channels)

    def forward(
        self,
        query: Tensor,
        pixel: Tensor,
        query_position: Tensor,
        position: Tensor,
        allowed: Tensor,
    ) -> tuple[Tensor, Tensor]:
        flat = _flat(pixel)
        query = self.read_from_pixel(query, flat, query_position, position, allowed)
        query = self.ffn(self.self_attn(query, query_position))
        flat = self.read_from_query(flat, query, position, query_position, None)
        return query, self.pixel_ffn(flat.transpose(1, 2).reshape(pixel.shape))


class _PixelFeedForward(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ChannelAttentionBlock(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


def _flat(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # (N, H W, C)


def _margin(probability: Tensor) -> Tensor:
    """Return how far an object is ahead of the others and of the background.

    The background is where no object is: its probability is the product of the objects' opposites.
    """
    objects = probability.shape[0]
    best = 1 - probability[:1]
    for index in range(1, objects):
        best = best * (1 - probability[index : index + 1])
    for other in others(probability):
        best = torch.maximum(best, other)
    return probability - best


def _step(margin: Tensor) -> Tensor:
    return (margin * (0.5 / TIE) + 0.5).clamp(0.0, 1.0)


def _never_empty(inside: Tensor) -> Tensor:
    """Return ``inside``, or ones for an object that has no pixel at all."""
    pixels = inside.shape[2] * inside.shape[3]
    some = (global_mean(inside) * pixels).clamp(0, 1)
    return inside + (1 - some)
