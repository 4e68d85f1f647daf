"""The table of phones and tablets, ``pocketmatte/devices.toml``: read, and held to its rules."""

import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, cast

from pocketmatte.selection.errors import DeviceTableError
from pocketmatte.selection.fields import Fields
from pocketmatte.selection.names import same
from pocketmatte.selection.rows import (
    INSTRUCTIONS,
    PLATFORMS,
    Cluster,
    Core,
    Device,
    DeviceTable,
    Instructions,
    Platform,
    Soc,
    Source,
)
from pocketmatte.selection.table_copy import TABLE, copied

_SCHEMA_VERSION = 1
_YEARS = (2015, 2035)
_MEGAHERTZ = (300, 8000)
_RAM_MIB = (512, 65536)
_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}")

Row = TypeVar("Row")


@functools.cache
def device_table() -> DeviceTable:
    """Return the table that comes with PocketMatte.

    Raises:
        DeviceTableError: If it breaks its rules.
    """
    whole = copied(table_sha256())
    if whole is None:
        return parse_table(_own_bytes().decode("utf-8"), TABLE.name)
    return _table(whole, TABLE.name)


@functools.cache
def table_sha256() -> str:
    """Return the digest of the table that comes with PocketMatte."""
    return hashlib.sha256(_own_bytes()).hexdigest()


@functools.cache
def _own_bytes() -> bytes:
    return TABLE.read_bytes()


def read_table(path: Path) -> DeviceTable:
    """Read another table.

    Raises:
        DeviceTableError: If it cannot be read or breaks its rules.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as text ({error}); give a device table"
        raise DeviceTableError(msg) from error
    return parse_table(text, path.name)


def parse_table(text: str, name: str) -> DeviceTable:
    """Read a table and hold it to its rules.

    Args:
        text: TOML.
        name: What messages call it.

    Raises:
        DeviceTableError: If it is no TOML or breaks a rule; the message names row and field.
    """
    import tomllib  # the own table is read from its copy

    try:
        whole = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also endless numbers, endless brackets
        msg = f"{name} is no TOML: {error}; mend that place"
        raise DeviceTableError(msg) from error
    return _table(whole, name)


def _table(whole: Mapping[str, object], name: str) -> DeviceTable:
    """Hold to its rules what TOML made of a table."""
    top = Fields(whole, name)
    version = top.integer("schema_version", 0, 1_000_000)
    if version != _SCHEMA_VERSION:
        top.refuse("schema_version", version, f"{_SCHEMA_VERSION}, which this PocketMatte reads")
    sources = _rows(whole, "source", _source)
    cores = _rows(whole, "core", _core)
    socs = _rows(whole, "soc", functools.partial(_soc, cores=cores))
    listed = whole.get("device")
    if not isinstance(listed, list) or not listed:
        top.refuse("device", listed, "one [[device]] or more")
    devices = tuple(
        _device(Fields(row, _where(row, place)), socs) for place, row in enumerate(listed)
    )
    for field in whole.keys() - {"schema_version", "source", "core", "soc", "device"}:
        top.refuse(repr(field), whole[field], "left out: there is no such field")
    table = DeviceTable(sources=sources, cores=cores, socs=socs, devices=devices)
    _check_sources(table)
    _check_identifiers(table)
    return table


def _rows(
    whole: Mapping[str, object], kind: str, read: Callable[[Fields, str], Row]
) -> Mapping[str, Row]:
    rows = whole.get(kind)
    if not isinstance(rows, Mapping) or not rows:
        msg = f"there is no [{kind}.NAME] in the table; it needs one or more"
        raise DeviceTableError(msg)
    made: dict[str, Row] = {}
    for key, row in rows.items():
        if not key or not key.isprintable():
            msg = f"[{kind}.{key!r:.60}]: a name must be printable and not empty"
            raise DeviceTableError(msg)
        made[key] = read(Fields(row, f"[{kind}.{key}]"), key)
    return MappingProxyType(made)


def _where(row: object, place: int) -> str:
    name = row.get("name") if isinstance(row, Mapping) else None
    return f"device {name!r:.60}" if isinstance(name, str) and name else f"device number {place}"


def _source(fields: Fields, key: str) -> Source:
    url = fields.text("url")
    if not url.startswith("https://"):
        fields.refuse("url", url, "an address that begins with https://")
    made = Source(
        key=key,
        title=fields.text("title"),
        url=url,
        read=fields.flag("read"),
        used_for=fields.text("used_for"),
    )
    fields.finish()
    return made


def _core(fields: Fields, key: str) -> Core:
    made = Core(
        name=key,
        fp32_per_cycle=fields.optional_integer("fp32_per_cycle", 1, 256),
        instructions=cast("Instructions", fields.one_of("instructions", INSTRUCTIONS)),
        sources=fields.texts("sources"),
    )
    fields.finish()
    return made


def _soc(fields: Fields, key: str, cores: Mapping[str, Core]) -> Soc:
    clusters = tuple(_cluster(each, cores) for each in fields.tables("clusters"))
    total, added = fields.integer("cores", 1, 64), sum(each.count for each in clusters)
    if total != added:
        fields.refuse("cores", total, f"{added}, which is what its clusters come to")
    made = Soc(
        key=key,
        name=fields.text("name"),
        vendor=fields.text("vendor"),
        year=fields.integer("year", *_YEARS),
        reported=fields.texts("reported", least=0),
        cores=total,
        clusters=clusters,
        gpu=fields.text("gpu"),
        npu=fields.text("npu"),
        sources=fields.texts("sources"),
    )
    fields.finish()
    return made


def _cluster(fields: Fields, cores: Mapping[str, Core]) -> Cluster:
    name = fields.text("core")
    if name not in cores:
        fields.refuse("core", name, "the name of a [core.NAME]")
    made = Cluster(
        count=fields.integer("count", 1, 64),
        core=cores[name],
        max_mhz=fields.optional_integer("max_mhz", *_MEGAHERTZ),
    )
    fields.finish()
    return made


def _device(fields: Fields, socs: Mapping[str, Soc]) -> Device:
    key, year = fields.text("soc"), fields.integer("year", *_YEARS)
    last = fields.optional_text("os_last")
    if key not in socs:
        fields.refuse("soc", key, "the name of a [soc.NAME]")
    if year < socs[key].year:
        fields.refuse("year", year, f"{socs[key].year} or later, the year of its processor")
    made = Device(
        name=fields.text("name"),
        vendor=fields.text("vendor"),
        platform=cast("Platform", fields.one_of("platform", PLATFORMS)),
        manufacturer=fields.text("manufacturer"),
        models=fields.texts("models"),
        devices=fields.texts("devices", least=0),
        year=year,
        soc=socs[key],
        ram_mib=fields.rising_integers("ram_mib", *_RAM_MIB),
        os_launch=_version(fields, "os_launch", fields.text("os_launch")),
        os_last=None if last is None else _version(fields, "os_last", last),
        media_performance_class=fields.optional_integer("media_performance_class", 30, 99),
        sources=fields.texts("sources"),
    )
    if made.os_last is not None and _parts(made.os_last) < _parts(made.os_launch):
        fields.refuse("os_last", made.os_last, f"{made.os_launch} or later, what it came with")
    fields.finish()
    return made


def _version(fields: Fields, field: str, value: str) -> str:
    if not _VERSION.fullmatch(value):
        fields.refuse(field, value, "a version such as 14 or 8.1")
    return value


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _check_sources(table: DeviceTable) -> None:
    named = [(f"[core.{core.name}]", core.sources) for core in table.cores.values()]
    named += [(f"[soc.{soc.key}]", soc.sources) for soc in table.socs.values()]
    named += [(f"device {device.name!r}", device.sources) for device in table.devices]
    for where, keys in named:
        for key in keys:
            if key not in table.sources:
                msg = f"{where} sources holds {key!r}; there is no [source.{key}]"
                raise DeviceTableError(msg)


def _check_identifiers(table: DeviceTable) -> None:
    """Refuse two devices that cannot be told apart."""
    seen: dict[tuple[str, ...], str] = {}
    for device in table.devices:
        maker = same(device.manufacturer)
        keys: list[tuple[str, str, str]] = [("name", device.platform, same(device.name))]
        keys += [("models", maker, same(model)) for model in device.models]
        keys += [("devices", maker, same(each)) for each in device.devices]
        for key in keys:
            if key in seen:
                msg = (
                    f"device {device.name!r} {key[0]} holds {key[2]!r}, as {seen[key]!r} does; "
                    "take it out of one of them"
                )
                raise DeviceTableError(msg)
            seen[key] = device.name
