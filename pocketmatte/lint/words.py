"""How findings name things."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pocketmatte.mlprogram.program import Operation

_SHOWN = 4


def kinds(operations: Iterable[Operation]) -> str:
    """Return ``3 mul, 1 cast``, the most frequent first."""
    counted = Counter(operation.kind for operation in operations).most_common()
    return listed([f"{count} {kind}" for kind, count in counted])


def listed(words: Sequence[str]) -> str:
    """Return the first of some words, and how many more there are."""
    left = len(words) - _SHOWN
    shown = ", ".join(words[:_SHOWN])
    return f"{shown} and {left} more" if left > 0 else shown


def some(count: int, noun: str) -> str:
    """Return ``1 tensor`` or ``2 tensors``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
