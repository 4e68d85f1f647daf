"""The work of every program of every tier, counted once and kept: read in a bare Python.

``python -m pocketmatte.cost_model.table_file`` writes ``works.json``; the tests count some rows
again.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from pocketmatte.cost_model.work import FIELDS, KINDS, Work, Works
from pocketmatte.selection.json_files import json_value
from pocketmatte.selection.shapes import MisfitError, Within, parsed, refuse
from tiers.errors import BundleError

FILE_NAME = "works.json"
_MOST = 1 << 53

Row: TypeAlias = tuple[Annotated[int, Within(0, _MOST)], ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    schema_version: Literal[1]
    fields: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Row]]  # "network tier program", kind


def name_of(network: str, tier: str, program: str) -> str:
    """Return what the table calls a program."""
    return f"{network} {tier} {program}"


@functools.cache
def work_table() -> Mapping[str, Works]:
    """Return the table that comes with PocketMatte, by ``name_of``.

    Raises:
        BundleError: If it is damaged.
    """
    return parse_works(table_bytes(), FILE_NAME)


@functools.cache
def table_bytes() -> bytes:
    """Return the file as it is."""
    return Path(__file__).with_name(FILE_NAME).read_bytes()


def parse_works(data: bytes, name: str) -> Mapping[str, Works]:
    """Read a table.

    Args:
        data: JSON.
        name: What messages call it.

    Raises:
        BundleError: If it is no such table; the message names the place.
    """
    try:
        return _works(parsed(json_value(data), _Table, closed=True))
    except MisfitError as error:
        msg = f"{name} is no table of work: {error}; write it again"
        raise BundleError(msg) from error


def _works(table: _Table) -> Mapping[str, Works]:
    if table.fields != FIELDS:
        refuse(f"it is {', '.join(table.fields)[:80]!a}, not {', '.join(FIELDS)}", "fields")
    made: dict[str, Works] = {}
    for name, kinds in table.rows.items():
        works: dict[str, Work] = {}
        for kind, row in kinds.items():
            if kind not in KINDS:
                refuse(f"no kind {kind!a:.40}; there are {', '.join(KINDS)}", "rows", name)
            if len(row) != len(FIELDS):
                refuse(f"it holds {len(row)} numbers, not {len(FIELDS)}", "rows", name, kind)
            works[kind] = Work(*row)
        made[name] = MappingProxyType(works)
    return MappingProxyType(made)
