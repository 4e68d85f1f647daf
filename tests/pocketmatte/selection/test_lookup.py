"""Identifier, processor, memory, system, nothing: what is known first decides, and says why."""

import itertools

import pytest

from pocketmatte.selection.classes import estimated_gflops, rank
from pocketmatte.selection.devices import device_table, parse_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lookup import Finder, Found, find
from pocketmatte.selection.rows import Device
from tests.pocketmatte.selection.tables import GOOD

GIB = 1024**3
TABLE = device_table()
SIZES = [(device, ram_mib) for device in TABLE.devices for ram_mib in device.ram_mib]


def found(**facts: object) -> Found:
    return find(Facts(**{"platform": "android", **facts}))  # type: ignore[arg-type]


def known(device: Device, ram_mib: int | None = None) -> Found:
    return found(
        platform=device.platform,
        manufacturer=device.manufacturer,
        model=device.models[-1],
        ram_bytes=None if ram_mib is None else ram_mib * 1024**2,
    )


def test_every_identifier_finds_its_device() -> None:
    for device in TABLE.devices:
        for model in device.models:
            answer = found(platform=device.platform, manufacturer=device.manufacturer, model=model)
            assert (answer.device, answer.by) == (device, "identifier")


def test_every_device_name_finds_its_device() -> None:
    for device in TABLE.devices:
        for name in device.devices:
            answer = found(manufacturer=device.manufacturer, model="unheard of", device=name)
            assert answer.device is device


@pytest.mark.parametrize(
    ("manufacturer", "model"),
    [
        ("SAMSUNG", "sm-s928b"),
        (" samsung ", "SM-S928B "),
        ("samsung", "\uff33\uff2d-\uff33928B"),
        (None, "SM-S928B"),
        ("", "SM-S928B"),
    ],
)
def test_case_space_and_width_do_not_count(manufacturer: str | None, model: str) -> None:
    answer = found(manufacturer=manufacturer, model=model)
    assert answer.device is not None
    assert answer.device.name == "Galaxy S24 Ultra"


def test_a_model_of_another_maker_is_another_device() -> None:
    answer = found(manufacturer="Blackview", model="SM-S928B")
    assert (answer.device, answer.by) == (None, "nothing")


def test_an_iphone_is_none_of_android_and_the_other_way_round() -> None:
    assert found(platform="android", manufacturer="Apple", model="iPhone17,3").device is None
    assert found(platform="ios", manufacturer="samsung", model="SM-S928B").device is None


def test_an_ipad_may_say_either_of_its_systems() -> None:
    for platform in ("ios", "ipados"):
        answer = found(platform=platform, model="iPad16,3", ram_bytes=16 * GIB)
        assert answer.device is not None
        assert answer.device_class.tier == "t12"


def test_memory_as_reported_decides_between_sizes_of_one_device() -> None:
    six = found(manufacturer="Xiaomi", model="2312DRA50G", ram_bytes=int(5.4 * GIB))
    twelve = found(manufacturer="Xiaomi", model="2312DRA50G", ram_bytes=int(11.2 * GIB))
    assert (six.ram_mib, twelve.ram_mib) == (5529, 11468)
    assert "reported" in six.reason
    galaxy = [
        found(manufacturer="samsung", model="SM-A155F", ram_bytes=int(size * GIB))
        for size in (3.6, 7.4)
    ]
    assert [each.device_class.tier for each in galaxy] == ["t04", "t04"]
    assert "t05 asks for 105 GFLOP/s and 6144 MiB" in galaxy[0].reason
    assert "t05 asks for 105 GFLOP/s" in galaxy[1].reason
    assert "MiB" not in galaxy[1].reason.split("t05")[1]


def test_without_memory_the_smallest_that_is_sold_counts() -> None:
    answer = found(manufacturer="samsung", model="SM-G998B")
    assert answer.ram_mib == 12288
    assert "12288 MiB at least" in answer.reason


def test_a_processor_alone_is_enough() -> None:
    answer = found(manufacturer="Nobody", model="X", soc="SM8650", ram_bytes=12 * GIB)
    assert (answer.device, answer.by, answer.device_class.tier) == (None, "soc", "t11")
    assert answer.soc is TABLE.socs["sm8650"]


@pytest.mark.parametrize(
    ("reported", "key"),
    [
        ("QTI SM8750", "sm8750"),
        ("Mediatek MT6833V/NZA", "mt6833"),
        ("MT6897Z_A/ZA", "mt6897"),
        ("Samsung s5e9945", "exynos_2400e"),
        ("Google Tensor G3", "tensor_g3"),
        ("tensor", "tensor_g1"),
        ("Spreadtrum T606", "t606"),
        ("SM8550-AC", "sm8550_ac"),
        ("SM8550-AB", "sm8550"),
        ("Qualcomm Technologies, Inc SM8450", "sm8450"),
        ("Qualcomm Snapdragon 8 Gen 3", "sm8650"),
        ("kona", "sm8250"),
    ],
)
def test_a_processor_is_known_by_what_systems_call_it(reported: str, key: str) -> None:
    answer = found(soc=reported, ram_bytes=8 * GIB)
    assert answer.soc is TABLE.socs[key], answer.reason


@pytest.mark.parametrize(
    "reported", ["SM", "MT", "Tensor G9", "Snapdragon", "8650", "A18", "lahaina"]
)
def test_part_of_a_processor_name_is_no_processor(reported: str) -> None:
    assert found(soc=reported).soc is None


def test_of_processors_of_one_name_the_slowest_is_taken_and_said() -> None:
    answer = found(soc="SM8250", ram_bytes=8 * GIB)
    assert answer.soc is TABLE.socs["sm8250"]
    assert "the slowest of 3 that call themselves so" in answer.reason


def test_apple_says_no_processor_of_android() -> None:
    assert found(platform="ios", soc="SM8650").soc is None
    assert found(platform="android", soc="Apple A18").soc is None
    assert found(platform="ios", soc="Apple A18").soc is TABLE.socs["apple_a18"]


def test_a_processor_without_memory_has_the_least_that_is_sold_with_it() -> None:
    for soc in TABLE.socs.values():
        answer = found(platform="ios" if soc.vendor == "Apple" else "android", soc=soc.name)
        if answer.gflops is not None:
            sold = [size for device, size in SIZES if device.soc is soc]
            assert (answer.soc, answer.ram_mib) == (soc, min(sold))


def test_memory_alone_gives_the_class_of_the_weakest_device_with_as_much() -> None:
    answer = found(ram_bytes=int(7.4 * GIB))
    assert answer.by == "memory"
    weakest = min(
        rank(known(device, size).device_class)
        for device, size in SIZES
        if device.platform == "android" and size >= 8192
    )
    assert rank(answer.device_class) == weakest
    assert "the weakest" in answer.reason


def test_memory_beyond_what_is_sold_is_still_an_answer() -> None:
    answer = found(ram_bytes=64 * GIB)
    assert rank(answer.device_class) >= rank(found(ram_bytes=24 * GIB).device_class)


@pytest.mark.parametrize("major", [9, 16, 17, 18, 26, 40])
def test_an_apple_system_says_that_the_device_is_one_of_those_that_run_it(major: int) -> None:
    answer = found(platform="ios", model="iPhone99,1", os_version=f"{major}.2")
    weakest = min(
        rank(known(device).device_class)
        for device in TABLE.devices
        if device.platform != "android"
        and estimated_gflops(device.soc) is not None
        and (device.os_last is None or int(device.os_last) >= major)
    )
    assert (rank(answer.device_class), answer.by) == (weakest, "system")


def test_a_declared_performance_class_promises_memory() -> None:
    tiers = [
        found(media_performance_class=declared).device_class.tier for declared in (0, 30, 31, 33)
    ]
    assert tiers == ["t01", "t05", "t05", "t07"]
    assert found(media_performance_class=33).by == "system"


def test_a_declared_performance_class_does_not_outvote_the_memory() -> None:
    assert found(media_performance_class=33, ram_bytes=3 * GIB).device_class.tier == "t02"


def test_no_device_is_below_the_performance_class_that_it_declares() -> None:
    for device in TABLE.devices:
        if device.media_performance_class is not None:
            declared = found(media_performance_class=device.media_performance_class)
            assert rank(known(device).device_class) >= rank(declared.device_class), device.name


def test_four_cores_of_an_unknown_android_phone_are_little_ones() -> None:
    assert found(ram_bytes=8 * GIB, cores=4).device_class.tier == "t01"
    assert found(ram_bytes=8 * GIB, cores=8).device_class.tier != "t01"


def test_nothing_known_is_the_lowest_class() -> None:
    for platform in ("android", "ios", "ipados"):
        answer = found(platform=platform)
        assert (answer.device_class.tier, answer.by) == ("t01", "nothing")
        assert "no device and no processor of the table" in answer.reason


def test_a_device_whose_processor_nobody_describes_is_judged_by_its_memory() -> None:
    answer = found(manufacturer="HUAWEI", model="ALN-LX9")
    assert answer.device is not None
    assert (answer.by, answer.gflops) == ("identifier", None)
    assert "is not public" in answer.reason
    assert answer.device_class == found(ram_bytes=12 * GIB).device_class


def test_what_is_not_recognised_never_falls_higher_than_it_would_be() -> None:
    for device, size in SIZES:
        if estimated_gflops(device.soc) is None:
            continue
        best, memory = rank(known(device, size).device_class), size * 1024**2
        stranger = found(
            platform=device.platform,
            ram_bytes=memory,
            os_version=device.os_launch,
            cores=device.soc.cores,
            media_performance_class=device.media_performance_class,
        )
        assert rank(stranger.device_class) <= best, device.name
        for reported in device.soc.reported:
            by_soc = found(soc=reported, ram_bytes=memory)
            assert by_soc.soc is not None
            assert rank(by_soc.device_class) <= best, (device.name, reported)


def test_a_newer_system_more_memory_or_a_higher_promise_never_lowers_the_answer() -> None:
    sizes = [None, *(size * GIB // 2 for size in range(1, 70, 3))]
    for platform, version in itertools.product(("android", "ios"), (None, "12", "16", "18", "26")):
        ranks = [
            rank(found(platform=platform, ram_bytes=s, os_version=version).device_class)
            for s in sizes[1:]
        ]
        assert ranks == sorted(ranks)
    for size in sizes:
        ranks = [
            rank(found(platform="ios", ram_bytes=size, os_version=str(v)).device_class)
            for v in range(9, 40)
        ]
        assert ranks == sorted(ranks)
        ranks = [
            rank(found(ram_bytes=size, media_performance_class=promise).device_class)
            for promise in (0, 30, 31, 33, 35, 99)
        ]
        assert ranks == sorted(ranks)


def test_another_table_can_be_looked_up() -> None:
    finder = Finder(parse_table(GOOD, "mine.toml"))
    answer = finder.find(Facts(platform="android", manufacturer="brand", model="a-2"))
    assert answer.device is not None
    assert answer.device.name == "Phone A"
    assert finder.find(Facts(platform="ios", ram_bytes=8 * GIB)).device_class.tier == "t01"
