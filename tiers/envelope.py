"""The smallest network that holds several rows of a ladder as its slices."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tiers.spec import TierSpec


def envelope(rows: Sequence[TierSpec]) -> TierSpec:
    """Return the last row with a shape in which every count is the largest of all rows'.

    A ladder does not widen everywhere: a row that sees larger frames may have a narrower decoder
    than the row below it. So the widest row need not hold the others, this one does.

    Args:
        rows: Rows of one network, at least one, narrowest first.

    Raises:
        ValueError: If the rows differ in something that is no count, such as an encoder's family.
    """
    shape = rows[0].shape
    for row in rows[1:]:
        shape = _largest(shape, row.shape, row.name)
    return dataclasses.replace(rows[-1], shape=shape)


def _largest(first: Any, second: Any, name: str) -> Any:
    if dataclasses.is_dataclass(first) and type(first) is type(second):
        fields = [field.name for field in dataclasses.fields(first)]
        found = {key: _largest(getattr(first, key), getattr(second, key), name) for key in fields}
        return dataclasses.replace(first, **found)  # type: ignore[type-var]
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return tuple(_largest(a, b, name) for a, b in zip(first, second, strict=True))
    if isinstance(first, int | float) and isinstance(second, int | float):
        return max(first, second)
    if first != second:
        msg = f"{name} has {second!r} where narrower rows have {first!r}; they share no weights"
        raise ValueError(msg)
    return first
