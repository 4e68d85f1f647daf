"""A lock as text: byte for byte what ``json.dumps`` makes of ``results.plain``, and sooner.

A lock of all classes says of thousands of alternatives why they are out, and most of it again for
the next class: what was said once is not spelled again.
"""

import dataclasses
import functools
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from pocketmatte.selection.lock import Lock, RuledOut


def written(lock: Lock) -> str:
    """Return a lock as its file holds it."""
    return f"{_text(lock, 0, {})}\n"


def _text(value: Any, depth: int, spelled: dict[tuple[int, int], str]) -> str:
    """Return a value as ``json.dumps`` would with ``indent=1`` and ``sort_keys=True``.

    Args:
        value: Any.
        depth: How far in it stands.
        spelled: Texts of rulings by id and depth, added to; they live as long as the lock.
    """
    parts: list[str] = []
    _put(parts, value, depth, spelled)
    return "".join(parts)


def _put(parts: list[str], value: Any, depth: int, spelled: dict[tuple[int, int], str]) -> None:
    named: Iterable[tuple[str, Any]]
    kind, brackets = type(value), "{}"
    if kind in _PLAIN:
        parts.append(_PLAIN[kind](value))
        return
    if kind is tuple or kind is list:
        if value and type(value[0]) is RuledOut:
            parts.append(_rulings(value, depth, spelled))
            return
        brackets, named = "[]", zip(itertools.repeat(""), value, strict=False)
    elif isinstance(value, Mapping):
        named = ((f"{quoted(name)}: ", value[name]) for name in sorted(value))
    elif dataclasses.is_dataclass(kind):
        named = ((head, getattr(value, name)) for head, name in _fields(kind))
    else:
        parts.append(json.dumps(value, allow_nan=False))
        return
    inner = "\n" + " " * (depth + 1)
    first = lead = brackets[0] + inner
    for head, each in named:
        plain = _PLAIN.get(type(each))
        if plain is not None:
            parts.append(f"{lead}{head}{plain(each)}")
        else:
            parts.append(lead + head)
            _put(parts, each, depth + 1, spelled)
        lead = f",{inner}"
    parts.append(brackets if lead is first else f"{inner[:-1]}{brackets[1]}")


def _rulings(rulings: Sequence[RuledOut], depth: int, spelled: dict[tuple[int, int], str]) -> str:
    """Return a list of rulings; one that holds for many classes is one object, spelled once."""
    inner = "\n" + " " * (depth + 1)
    keys = [(id(each), depth) for each in rulings]
    for key, each in zip(keys, rulings, strict=True):
        if key not in spelled:
            spelled[key] = _text(each, depth + 1, spelled)
    listed = f",{inner}".join(map(spelled.__getitem__, keys))
    return f"[{inner}{listed}{inner[:-1]}]"


@functools.cache
def _fields(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    """Return how each field of a dataclass begins, and its name."""
    names = sorted(each.name for each in dataclasses.fields(kind))
    return tuple((f"{quoted(name)}: ", name) for name in names)


def _number(value: float) -> str:
    return float.__repr__(value) if math.isfinite(value) else "null"


_PLAIN: Mapping[type[Any], Callable[[Any], str]] = {
    str: quoted,
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: _number,
}
