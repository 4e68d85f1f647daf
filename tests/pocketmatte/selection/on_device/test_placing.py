"""An index gives the class that the table gives, for whatever a device says."""

import dataclasses
import random
import sys
from typing import Any

import pytest

from pocketmatte.selection.devices import device_table
from pocketmatte.selection.errors import DeviceTableError
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lookup import Found, find
from pocketmatte.selection.names import same
from pocketmatte.selection.on_device.index import DeviceIndex, index_of
from pocketmatte.selection.on_device.placing import Placed, facts_of, place
from pocketmatte.selection.on_device.spelling import folded
from pocketmatte.selection.rows import Device
from tests.pocketmatte.selection.test_lookup_hostile import random_facts
from tiers.errors import UsageError

TABLE = device_table()
RUNS = 4_000


@pytest.fixture(scope="module")
def index() -> DeviceIndex:
    return index_of(TABLE)


def as_placed(facts: Facts, found: Found) -> Placed:
    """Return what ``lookup.find`` says, as ``select`` groups it."""
    platform = found.device.platform if found.device else facts.platform
    return Placed(platform=platform, device_class=found.device_class.tier, by=found.by)


@pytest.mark.parametrize("device", TABLE.devices, ids=lambda each: each.name)
def test_every_device_is_in_the_class_of_the_table(index: DeviceIndex, device: Device) -> None:
    for name in device.models:
        for ram_bytes in (None, *(int(size * 0.92) * 2**20 for size in device.ram_mib)):
            facts = Facts(platform=device.platform, manufacturer=device.manufacturer,
                          model=name, ram_bytes=ram_bytes)  # fmt: skip
            assert place(index, facts) == as_placed(facts, find(facts))


def test_thousands_of_devices_are_in_the_class_that_the_table_gives(index: DeviceIndex) -> None:
    source = random.Random(5)
    by = set()
    for _ in range(RUNS):
        try:
            facts = facts_of(random_facts(source))
        except UsageError:
            continue
        found = place(index, facts)
        assert found == as_placed(facts, find(facts)), facts
        by.add(found.by)
    assert by == {"identifier", "soc", "memory", "system", "nothing"}


def test_an_index_that_says_otherwise_is_noticed(index: DeviceIndex) -> None:
    """The comparison above can fail: one processor taken for a better one."""
    soc = next(place for place, each in enumerate(index.socs) if each.most == "t04")
    better = dataclasses.replace(index.socs[soc], most="t12")
    wrong = dataclasses.replace(index, socs=(*index.socs[:soc], better, *index.socs[soc + 1 :]))
    device = TABLE.devices[next(p for p, each in enumerate(index.devices) if each.soc == soc)]
    facts = Facts(platform=device.platform, manufacturer=device.manufacturer,
                  model=device.models[0], ram_bytes=2**34)  # fmt: skip
    assert place(wrong, facts) != as_placed(facts, find(facts))


def test_what_no_device_can_say_is_not_known() -> None:
    said = {"platform": "android", "ram_bytes": 0, "cores": -1, "api_level": True, "model": 7}
    assert facts_of(said) == Facts(platform="android")


@pytest.mark.parametrize("platform", ["macos", "", None, 3, "Android"])
def test_a_platform_that_is_not_chosen_for_is_refused(platform: Any) -> None:
    with pytest.raises(UsageError, match="there are android, ios, ipados"):
        facts_of({"platform": platform})


def test_names_that_fold_to_ascii_do_so_as_in_the_table() -> None:
    for code in range(sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        name = f"A{chr(code)} b"
        ours, theirs = folded(name), same(name)
        assert ours == theirs or not (ours.isascii() or theirs.isascii()), hex(code)


def test_a_name_that_is_not_ascii_is_not_put_into_an_index() -> None:
    odd = dataclasses.replace(TABLE.devices[0], models=("caf\xe9",))
    table = dataclasses.replace(TABLE, devices=(odd,))
    with pytest.raises(DeviceTableError, match="is not ASCII"):
        index_of(table)


@pytest.mark.parametrize("least_mib", [0, 2**63 - 1])
def test_memory_that_only_a_device_file_says_is_looked_up_and_not_judged(
    index: DeviceIndex, least_mib: int
) -> None:
    unknown = dataclasses.replace(index.socs[0], most=None)
    device = dataclasses.replace(index.devices[0], soc=0, least_mib=least_mib)
    odd = dataclasses.replace(index, socs=(unknown,), devices=(device,))
    facts = Facts(platform=device.platform, manufacturer=device.manufacturer,
                  model=device.models[0])  # fmt: skip
    found = place(odd, facts)
    family = odd.android if device.platform == "android" else odd.apple
    sold = family.sold[0 if least_mib == 0 else -1].tier
    assert found.by == "identifier"
    assert found.device_class == ("t01" if least_mib == 0 else sold)
