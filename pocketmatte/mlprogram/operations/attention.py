"""Attention, and the products of matrices that einsum stands for."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Tensors

# the letters of the operands and the result, numbered as they appear
_EQUATIONS = ("0123,0324->0124", "012,213->013")


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """Return means of ``value``, ``(..., S, V)``, weighted by likeness of ``query`` and ``key``.

    Args:
        query: ``(..., L, E)``.
        key: ``(..., S, E)``.
        value: ``(..., S, V)``.
        attn_mask: Added to the likeness before the softmax; of truth values, what takes part.

    Returns:
        ``(..., L, V)``.
    """
    likeness = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        likeness = likeness.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        likeness = likeness + attn_mask
    return torch.softmax(likeness, dim=-1) @ value


def einsum(values: Tensors, equation: str) -> Tensor:
    """Return the products of two tensors' matrices, in the last dimension but two and the last.

    Args:
        values: ``(..., C, H, W)`` and ``(..., W, H, V)``; what is 1 broadcasts.
        equation: ``nchw,nwhu->nchu`` or ``chw,whu->chu``, in any letters.

    Raises:
        ValueError: If it is another equation.
    """
    letters: dict[str, str] = {}
    numbered = "".join(
        letters.setdefault(each, str(len(letters))) if each.isalpha() else each for each in equation
    )
    if numbered not in _EQUATIONS:
        msg = f"equation {equation!r} is not known here"
        raise ValueError(msg)
    x, y = values
    return (x.transpose(-3, -2) @ y.transpose(-3, -2)).transpose(-3, -2)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {"scaled_dot_product_attention": scaled_dot_product_attention, "einsum": einsum}
)
