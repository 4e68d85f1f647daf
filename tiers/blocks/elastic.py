"""Convolutions that know where a narrower network's channels lie inside them.

An elastic network's narrower tiers are slices of one set of weights. Where a tensor is a
concatenation, its slice is a prefix of every part, so a convolution says what parts its input and
output channels consist of. (Yu et al., "Slimmable Neural Networks", 2019.)
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn

Segments: TypeAlias = tuple[int, ...]
Index: TypeAlias = slice | Tensor


class ElasticConv2d(nn.Conv2d):
    """A convolution whose channels come in parts.

    Input:
        x: ``(N, sum(in_segments), H, W)``.

    Output:
        y: ``(N, sum(out_segments), H', W')``; padding keeps the size at stride 1.
    """

    def __init__(
        self,
        in_segments: Segments,
        out_segments: Segments,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(
            sum(in_segments),
            sum(out_segments),
            kernel,
            stride=stride,
            padding=(kernel - 1) // 2 * dilation,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.in_segments = in_segments
        self.out_segments = out_segments


def slice_plan(full: nn.Module, small: nn.Module) -> dict[str, tuple[Index, Index]]:
    """Say which rows and columns of ``full``'s convolution weights ``small`` has.

    Args:
        full: The network at full width and depth.
        small: A narrower, shallower one of the same module names.

    Returns:
        For each parameter of a convolution of ``small``: index of its first axis (output channels)
        and of its second axis (input channels); a bias ignores the second.

    Raises:
        ValueError: If ``small`` has a convolution that ``full`` has not, or a wider one.
    """
    whole = dict(full.named_modules())
    plan: dict[str, tuple[Index, Index]] = {}
    for name, part in small.named_modules():
        if not isinstance(part, ElasticConv2d):
            continue
        source = whole.get(name)
        if not isinstance(source, ElasticConv2d) or (source.groups > 1) != (part.groups > 1):
            msg = f"the full network has no convolution {name}"
            raise ValueError(msg)
        rows = _index(source.out_segments, part.out_segments)
        columns = slice(None) if part.groups > 1 else _index(source.in_segments, part.in_segments)
        for leaf, _ in part.named_parameters(recurse=False):
            plan[f"{name}.{leaf}"] = (rows, columns)
    return plan


def take(weight: Tensor, index: tuple[Index, Index]) -> Tensor:
    """Return the part of a full-width parameter that ``index`` names; differentiable."""
    rows, columns = index
    part = weight[rows]
    return part[:, columns] if part.dim() > 1 else part


def _index(full: Segments, small: Segments) -> Index:
    if len(full) != len(small) or any(s > f for s, f in zip(small, full, strict=True)):
        msg = f"segments {small} are no prefixes of {full}"
        raise ValueError(msg)
    if small == full:
        return slice(None)
    if len(full) == 1:
        return slice(0, small[0])
    starts = [sum(full[:position]) for position in range(len(full))]
    parts = [torch.arange(start, start + n) for start, n in zip(starts, small, strict=True)]
    return torch.cat(parts)
