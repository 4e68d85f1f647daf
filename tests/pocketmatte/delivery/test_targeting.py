"""Play's device groups give every device of the table what its class gets, and nobody more."""

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.classes import CLASSES, class_by_memory, estimated_gflops, rank
from pocketmatte.selection.delivery.levels import Level, levels_of
from pocketmatte.selection.delivery.play import Seen, group_of
from pocketmatte.selection.delivery.targeting import (
    BRANDS,
    DEFAULT,
    SOC_MAKERS,
    brands_of,
    device_groups,
    name_of,
)
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lock import read_lock
from pocketmatte.selection.lookup import find
from pocketmatte.selection.rows import Device
from tests.pocketmatte.delivery.delivered import edit, write_lock

MIB = 1024 * 1024
ANDROID = [each for each in device_table().devices if each.platform == "android"]
# Every class its own level: then a device that gets another class than its own is noticed.
LEVELS = tuple(Level(classes=(each.tier,), choices={}) for each in CLASSES)
GROUPS = tuple((each.name, each.selectors) for each in device_groups(LEVELS))
# Of these Play cannot tell which they are: no ``Build.DEVICE`` of their own is known.
UNTOLD = [each for each in ANDROID if not each.devices]


def delivered(seen: Seen, levels: tuple[Level, ...] = LEVELS) -> Level:
    """Return what Play delivers."""
    groups = [(each.name, each.selectors) for each in device_groups(levels)]
    name = group_of(groups, seen)
    return levels[0] if name == DEFAULT else next(e for e in levels if name_of(e) == name)


def seen_of(
    device: Device, size_mib: int, *, soc_model: str = "", brand: str | None = None
) -> Seen:
    """Return what Play sees of a device of the table."""
    return Seen(
        brand=brand or device.manufacturer,
        device=device.devices[0] if device.devices else "not-known",
        soc_manufacturer=SOC_MAKERS[device.soc.vendor][0],
        soc_model=soc_model,
        ram_bytes=size_mib * MIB,
        api_level=34 if soc_model else 30,
    )


def looked_up(device: Device, size_mib: int) -> int:
    """Return the rank of the class that the lock goes by."""
    facts = Facts(
        platform="android", manufacturer=device.manufacturer, model=device.models[0],
        ram_bytes=size_mib * MIB,
    )  # fmt: skip
    return rank(find(facts).device_class)


def given(seen: Seen) -> int:
    """Return the rank of the class whose pack Play delivers, each class being a level."""
    name = group_of(GROUPS, seen)
    return 0 if name == DEFAULT else [name_of(each) for each in LEVELS].index(name)


def sizes(device: Device) -> Iterator[int]:
    """Yield the memory that a device is sold with, and what systems report of it."""
    for size in device.ram_mib:
        yield from (size, int(size * 0.97), int(size * 0.88))


@pytest.mark.parametrize("device", ANDROID, ids=lambda each: each.name)
def test_every_device_gets_the_pack_of_its_class_and_never_a_higher_one(device: Device) -> None:
    for size in sizes(device):
        wanted = looked_up(device, size)
        for brand in brands_of(device.manufacturer):
            for model in ("", *device.soc.reported):
                got = given(seen_of(device, size, soc_model=model, brand=brand))
                assert got <= wanted
                assert got == wanted or not device.devices


def test_what_play_cannot_tell_is_known_by_number() -> None:
    seen = [seen_of(each, each.ram_mib[0]) for each in ANDROID]
    lower = [d for d, s in zip(ANDROID, seen, strict=True) if given(s) < looked_up(d, d.ram_mib[0])]
    assert set(lower) <= set(UNTOLD)
    assert len(UNTOLD) < len(ANDROID) / 4


def test_a_phone_without_a_name_is_told_by_its_processor_from_android_12_on() -> None:
    named = [each for each in UNTOLD if each.soc.reported and estimated_gflops(each.soc)]
    got = [given(seen_of(each, each.ram_mib[0], soc_model=each.soc.reported[0])) for each in named]
    told = [g for g, each in zip(got, named, strict=True) if g == looked_up(each, each.ram_mib[0])]
    assert len(told) > len(named) / 2
    assert all(given(seen_of(each, each.ram_mib[0])) == 0 for each in named)


def test_a_processor_of_the_table_in_an_unknown_phone_is_never_above_what_a_lookup_says() -> None:
    for soc in device_table().socs.values():
        for model in soc.reported:
            for size in (1024, 2620, 3000, 3500, 5300, 7000, 11000, 15000, 23000):
                facts = Facts(platform="android", soc=model, ram_bytes=size * MIB)
                for maker in SOC_MAKERS[soc.vendor]:
                    seen = Seen(
                        brand="Nobody", device="nothing", soc_manufacturer=maker,
                        soc_model=model, ram_bytes=size * MIB, api_level=31,
                    )  # fmt: skip
                    wanted = rank(find(facts).device_class)
                    if estimated_gflops(soc) is not None:
                        assert given(seen) == wanted
                    assert given(seen) <= wanted
                    assert given(dataclasses.replace(seen, api_level=30)) == 0


def test_nobody_who_is_not_known_gets_more_than_a_lookup_would_give_whatever_it_says() -> None:
    source = random.Random(1207)
    devices = [(d.manufacturer, name) for d in ANDROID for name in d.devices] + [("X", "y")] * 99
    socs = [(s.vendor, m) for s in device_table().socs.values() for m in s.reported]
    lifted = 0
    for _ in range(4000):
        maker, device = source.choice(devices)
        vendor, model = source.choice([*socs, ("Nobody", "N1"), ("Nobody", "")])
        # a row of the table has its own processor: only of others is any other believed
        row = next((d for d in ANDROID if d.manufacturer == maker and device in d.devices), None)
        if row is not None:
            vendor, model = row.soc.vendor, source.choice((*row.soc.reported, ""))
        ram_bytes = source.randrange(512, 24 * 1024) * MIB
        few = source.choice((None, 4, 8))
        facts = Facts(
            platform="android", manufacturer=maker, model="never heard of", device=device,
            soc=model, ram_bytes=ram_bytes, cores=None if row else few,
        )  # fmt: skip
        if row is None and few == 4 and model and vendor != "Nobody":
            continue  # no processor of the table has four cores and is told by memory
        seen = Seen(
            brand=maker, device=device, soc_manufacturer=SOC_MAKERS.get(vendor, (vendor,))[0],
            soc_model=model, ram_bytes=ram_bytes, api_level=source.choice((28, 33)),
        )  # fmt: skip
        assert given(seen) <= rank(find(facts).device_class)
        lifted += given(seen) > 0
    assert lifted > 1000


def test_memory_alone_lifts_nobody() -> None:
    seen = Seen(
        brand="X", device="y", soc_manufacturer="", soc_model="", ram_bytes=24 * 1024 * MIB,
        api_level=36,
    )  # fmt: skip
    assert group_of(GROUPS, seen) == DEFAULT


@pytest.mark.parametrize("tier", [each.tier for each in CLASSES[1:]])
def test_the_memory_of_a_group_is_the_floor_of_its_class(tier: str) -> None:
    selectors = dict(GROUPS)[f"pocketmatte_{tier}"]
    least = min(each.ram_min_bytes for each in selectors)
    assert least % MIB == 0
    wanted = next(rank(each) for each in CLASSES if each.tier == tier)
    floors = (least // MIB - 1, least // MIB)
    assert [rank(class_by_memory(size, "android")) >= wanted for size in floors] == [False, True]


def test_a_group_that_is_wrongly_wide_would_be_noticed() -> None:
    """The properties above fail where memory is forgotten: shown on one device."""
    wide = [
        (name, tuple(dataclasses.replace(s, ram_min_bytes=0) for s in all_))
        for name, all_ in GROUPS
    ]
    device = next(each for each in ANDROID if each.devices and len(each.ram_mib) > 1)
    low = seen_of(device, 1024)
    assert group_of(wide, low) != group_of(GROUPS, low)
    assert given(low) == looked_up(device, 1024)


def test_every_maker_of_the_table_has_its_spelling() -> None:
    table = device_table()
    vendors = {soc.vendor for soc in table.socs.values() if soc.reported}
    assert vendors == set(SOC_MAKERS)
    assert set(BRANDS) <= {each.manufacturer for each in ANDROID}


def test_classes_that_get_the_same_are_one_group(root: Path, tmp_path: Path) -> None:
    lock = write_lock(root, tmp_path / "few.json")
    levels = levels_of(read_lock(lock), "android")
    assert [each.classes for each in levels] == [(each.tier,) for each in CLASSES]

    def only_three(held: dict[str, Any]) -> None:
        by_class = {(g["platform"], g["device_class"]): g for g in held["groups"]}
        for (platform, tier), group in by_class.items():
            base = "t01" if tier < "t05" else "t05" if tier < "t11" else "t11"
            if platform == "android":
                group["choices"] = by_class[platform, base]["choices"]

    edit(lock, only_three)
    merged = levels_of(read_lock(lock), "android")
    assert [(each.classes[0], each.classes[-1]) for each in merged] == [
        ("t01", "t04"), ("t05", "t10"), ("t11", "t12"),
    ]  # fmt: skip
    groups = device_groups(merged)
    assert [each.name for each in groups] == ["pocketmatte_t11", "pocketmatte_t05"]
    for device in ANDROID:
        if device.devices:
            for size in device.ram_mib:
                tier = CLASSES[looked_up(device, size)].tier
                assert tier in delivered(seen_of(device, size), merged).classes
