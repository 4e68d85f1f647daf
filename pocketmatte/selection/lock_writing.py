"""A lock as text: byte for byte what ``json.dumps`` makes of ``results.plain``, and sooner.

A lock of all classes says of thousands of alternatives why they are out, and most of it again for
the next class: what was said once is not spelled again.
"""

import dataclasses
import functools
import json
import math
from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from pocketmatte.selection.lock import Lock, RuledOut


def written(lock: Lock) -> str:
    """Return a lock as its file holds it."""
    return _Writer().text(lock, 0) + "\n"


class _Writer:
    """Writes as ``json.dumps`` with ``indent=1`` and ``sort_keys=True``."""

    def __init__(self) -> None:
        self._spelled: dict[tuple[int, int], str] = {}

    def text(self, value: Any, depth: int) -> str:
        kind = type(value)
        if kind is str:
            return quoted(value)
        if value is None or kind is bool or kind is int:
            return _WORDS[value] if value is None or kind is bool else int.__repr__(value)
        if kind is float:
            return _number(value)
        if kind is RuledOut:
            return self._ruled_out(value, depth)
        if kind is tuple or kind is list:
            return self._within("[]", (self.text(each, depth + 1) for each in value), depth)
        if isinstance(value, Mapping):
            named = ((name, value[name]) for name in sorted(value))
        elif dataclasses.is_dataclass(kind):
            named = ((name, getattr(value, name)) for name in _names(kind))
        else:
            return json.dumps(value, allow_nan=False)
        return self._within("{}", self._pairs(named, depth + 1), depth)

    def _pairs(self, named: Iterator[tuple[str, Any]], depth: int) -> Iterator[str]:
        for name, value in named:
            yield f"{quoted(name)}: {self.text(value, depth)}"

    def _ruled_out(self, value: RuledOut, depth: int) -> str:
        key = id(value), depth  # one that holds for many classes is one object, alive with the lock
        found = self._spelled.get(key)
        if found is None:
            named = ((name, getattr(value, name)) for name in _names(RuledOut))
            found = self._spelled[key] = self._within("{}", self._pairs(named, depth + 1), depth)
        return found

    def _within(self, brackets: str, parts: Iterator[str], depth: int) -> str:
        inner = "\n" + " " * (depth + 1)
        joined = f",{inner}".join(parts)
        if not joined:
            return brackets
        return f"{brackets[0]}{inner}{joined}\n{' ' * depth}{brackets[1]}"


_WORDS = {None: "null", True: "true", False: "false"}


@functools.cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(sorted(each.name for each in dataclasses.fields(kind)))


def _number(value: float) -> str:
    return float.__repr__(value) if math.isfinite(value) else "null"
