"""The table that comes with PocketMatte keeps its rules and covers what it should."""

import collections
from pathlib import Path

import pytest

from pocketmatte.selection.classes import CLASSES, estimated_gflops
from pocketmatte.selection.devices import device_table, read_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lookup import find
from pocketmatte.selection.names import same
from pocketmatte.selection.rows import Device, DeviceTable

TABLE = device_table()
LEAST_OF_VENDOR = {
    "Apple": 60,
    "Google": 20,
    "Honor": 8,
    "Huawei": 8,
    "Motorola": 12,
    "Nothing": 5,
    "OPPO": 10,
    "OnePlus": 12,
    "Samsung": 80,
    "Xiaomi": 50,
    "realme": 10,
    "vivo": 10,
}


def as_itself(device: Device, ram_mib: int) -> Facts:
    return Facts(
        platform=device.platform,
        manufacturer=device.manufacturer,
        model=device.models[0],
        ram_bytes=ram_mib * 1024 * 1024,
    )


def test_the_file_of_the_package_is_the_table(root: Path) -> None:
    assert read_table(root / "pocketmatte" / "devices.toml") == TABLE


def test_there_are_more_than_120_devices() -> None:
    assert len(TABLE.devices) >= 120


def test_every_maker_is_there_with_several_devices() -> None:
    counted = collections.Counter(device.vendor for device in TABLE.devices)
    assert set(counted) == set(LEAST_OF_VENDOR)
    assert {v: counted[v] for v, least in LEAST_OF_VENDOR.items() if counted[v] < least} == {}


@pytest.mark.parametrize("tier", [each.tier for each in CLASSES])
def test_every_class_has_devices_of_two_makers(tier: str) -> None:
    vendors = {
        device.vendor
        for device in TABLE.devices
        for ram_mib in device.ram_mib
        if find(as_itself(device, ram_mib)).device_class.tier == tier
    }
    assert len(vendors) >= 2, vendors


def test_tablets_of_apple_and_of_android_are_there() -> None:
    names = [device.name for device in TABLE.devices]
    assert sum(device.platform == "ipados" for device in TABLE.devices) >= 20
    assert sum("Tab" in name or "Pad " in name for name in names) >= 10


def test_every_iphone_from_8_to_17_is_there() -> None:
    names = {device.name for device in TABLE.devices}
    for number in (8, 11, 12, 13, 14, 15, 16, 17):
        assert f"iPhone {number}" in names
    assert {"iPhone X", "iPhone XS", "iPhone XR", "iPhone Air", "iPhone 16e"} <= names


def test_every_year_from_2017_to_2025_has_devices() -> None:
    assert {device.year for device in TABLE.devices} == set(range(2017, 2026))


def test_no_two_devices_answer_to_one_identifier() -> None:
    keys = [
        (same(device.manufacturer), same(model))
        for device in TABLE.devices
        for model in device.models
    ]
    assert len(set(keys)) == len(keys)


def test_every_row_names_sources_that_exist() -> None:
    named = [core.sources for core in TABLE.cores.values()]
    named += [soc.sources for soc in TABLE.socs.values()]
    named += [device.sources for device in TABLE.devices]
    assert all(named)
    assert {key for keys in named for key in keys} == set(TABLE.sources)


def test_clusters_come_to_the_cores() -> None:
    for soc in TABLE.socs.values():
        assert sum(cluster.count for cluster in soc.clusters) == soc.cores, soc.key


def test_every_processor_is_of_a_device() -> None:
    assert {device.soc.key for device in TABLE.devices} == set(TABLE.socs)


def test_memory_is_sold_in_whole_gibibytes_and_grew_with_the_years() -> None:
    for device in TABLE.devices:
        assert all(size % 1024 == 0 and 2048 <= size <= 24576 for size in device.ram_mib)
        if device.year >= 2024:
            assert device.ram_mib[0] >= 3072, device.name


def test_a_speed_is_unknown_only_where_a_core_is() -> None:
    unknown = {key for key, soc in TABLE.socs.items() if estimated_gflops(soc) is None}
    assert unknown == {"apple_a10", "kirin_9000s"}


def test_most_identifiers_were_read_in_a_list() -> None:
    def read(table: DeviceTable, device: Device) -> bool:
        return any(table.sources[key].read for key in device.sources)

    known_in_general = [device.name for device in TABLE.devices if not read(TABLE, device)]
    assert len(known_in_general) <= 12, known_in_general
