"""The plain part of TOML that the device table is written in, read in a tenth of the time.

One table or key a line, texts without escapes, whole numbers, truths, and lists of these and of
one-line tables. Whatever else a file holds is left to ``tomllib``: it means the same either way.
"""

import re
from collections.abc import Iterator
from typing import Any

_TABLE = re.compile(r'\[([a-z_]+)\.(?:([A-Za-z0-9_-]+)|"([^"\\]+)")\]')
_ELEMENT = re.compile(r"\[\[([a-z_]+)\]\]")
_KEY = re.compile(r"([a-z0-9_]+) = (.+)")
_TEXT = re.compile(r'"[^"\\\x00-\x1f\x7f]*"')
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_ROW = re.compile(r"\{ (.+) \}")
_LIST = re.compile(r"\[(.+)\]")
_TRUTHS = {"true": True, "false": False}


class _NotPlainError(Exception):
    """Something that only ``tomllib`` reads."""


def loads(text: str) -> dict[str, Any]:
    """Return what ``tomllib.loads`` does.

    Raises:
        ValueError: If it is no TOML, as ``tomllib.loads`` does.
    """
    try:
        return _plain(text)
    except _NotPlainError:
        import tomllib  # most runs never need it

        return tomllib.loads(text)


def _plain(text: str) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    here: dict[str, Any] = whole
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        if line[0] == "#":
            if not line.isprintable():
                raise _NotPlainError
        elif found := _KEY.fullmatch(line):
            key, value = found.groups()
            if key in here:
                raise _NotPlainError
            here[key] = _listed(lines) if value == "[" else _value(value)
        elif found := _ELEMENT.fullmatch(line):
            here = _Element()
            if found[1] not in whole:
                whole[found[1]] = []
            elif not _is_of_elements(whole[found[1]]):
                raise _NotPlainError
            whole[found[1]].append(here)
        elif found := _TABLE.fullmatch(line):
            tables, name = whole.setdefault(found[1], {}), found[2] or found[3]
            if not isinstance(tables, dict) or name in tables or not name.isprintable():
                raise _NotPlainError
            here = tables[name] = {}
        else:
            raise _NotPlainError
    return whole


class _Element(dict[str, Any]):
    """One ``[[table]]``, and no one-line table of a list, which may not be added to."""


def _is_of_elements(value: Any) -> bool:
    """Say whether more elements may be added: a list that was written as one is whole."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], _Element)


def _listed(lines: Iterator[str]) -> list[Any]:
    """Return a list of several lines, each of which ends with a comma."""
    found: list[Any] = []
    for line in lines:
        if line == "]":
            return found
        if line[-1:] != ",":
            break
        inner = line[:-1].lstrip(" ")
        row = _ROW.fullmatch(inner)
        if row is not None:
            found.append(_row(row[1]))
        else:
            found += [_scalar(part) for part in inner.split(", ")]
    raise _NotPlainError


def _row(text: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for part in text.split(", "):
        pair = _KEY.fullmatch(part)
        if pair is None or pair[1] in row:
            raise _NotPlainError
        row[pair[1]] = _scalar(pair[2])
    return row


def _value(text: str) -> Any:
    found = _LIST.fullmatch(text)
    return _scalar(text) if found is None else [_scalar(part) for part in found[1].split(", ")]


def _scalar(text: str) -> Any:
    if _TEXT.fullmatch(text):
        return text[1:-1]
    if _NUMBER.fullmatch(text):
        return int(text)
    if text in _TRUTHS:
        return _TRUTHS[text]
    raise _NotPlainError
