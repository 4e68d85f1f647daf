"""The twelve classes: the words of the rows, and more of anything never lowers one."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketmatte.selection.classes import (
    CLASSES,
    NOMINAL_SHARE,
    DeviceClass,
    class_by_memory,
    class_of,
    estimated_gflops,
    rank,
)
from pocketmatte.selection.devices import device_table, parse_table
from pocketmatte.selection.rows import INSTRUCTIONS, PLATFORMS, Instructions, Platform, Soc
from tests.pocketmatte.selection.tables import GOOD
from tiers.ladder import LADDERS

SOCS = tuple(device_table().socs.values())
GFLOPS = st.floats(0, 2000)
MEMORY = st.integers(0, 65536)


def tier_of(soc: Soc, ram_mib: int, platform: Platform) -> str:
    gflops = estimated_gflops(soc)
    assert gflops is not None
    return class_of(gflops, soc.instructions, ram_mib, platform).tier


def test_there_is_a_class_for_every_tier() -> None:
    for rows in LADDERS.values():
        assert [each.tier for each in CLASSES] == list(rows)


@pytest.mark.parametrize("network", LADDERS)
def test_every_row_says_the_words_of_its_class(network: str) -> None:
    for each in CLASSES:
        assert each.words
        assert LADDERS[network][each.tier].device_class.startswith(each.words)


@pytest.mark.parametrize("each", CLASSES[1:], ids=lambda each: each.tier)
def test_android_memory_is_what_the_words_say(each: DeviceClass) -> None:
    said = [int(word) for word in each.words.split() if word.isdecimal()]
    assert said in ([], [each.android_mib // 1024])


def test_floors_never_fall() -> None:
    for lower, higher in itertools.pairwise(CLASSES):
        assert lower.gflops < higher.gflops
        assert INSTRUCTIONS.index(lower.instructions) <= INSTRUCTIONS.index(higher.instructions)
        assert lower.android_mib <= higher.android_mib
        assert lower.apple_mib <= higher.apple_mib


def test_the_lowest_class_asks_for_nothing() -> None:
    assert class_of(0.0, "armv8.0", 0, "android") == CLASSES[0]


@given(
    GFLOPS,
    GFLOPS,
    MEMORY,
    MEMORY,
    st.sampled_from(INSTRUCTIONS),
    st.sampled_from(INSTRUCTIONS),
    st.sampled_from(PLATFORMS),
)
def test_more_of_anything_never_lowers_a_class(
    slow: float,
    fast: float,
    small: int,
    large: int,
    few: Instructions,
    many: Instructions,
    platform: Platform,
) -> None:
    slow, fast = sorted((slow, fast))
    small, large = sorted((small, large))
    few, many = sorted((few, many), key=INSTRUCTIONS.index)
    below = class_of(slow, few, small, platform)
    assert rank(below) <= rank(class_of(fast, many, large, platform))


@given(st.sampled_from(SOCS), st.integers(0, 4), st.integers(0, 3000), MEMORY, st.data())
def test_a_faster_processor_never_falls_to_a_lower_class(
    soc: Soc, more_cores: int, more_mhz: int, ram_mib: int, data: st.DataObject
) -> None:
    before = estimated_gflops(soc)
    place = data.draw(st.integers(0, len(soc.clusters) - 1))
    cluster = soc.clusters[place]
    quicker = dataclasses.replace(
        cluster, count=cluster.count + more_cores, max_mhz=(cluster.max_mhz or 0) + more_mhz
    )
    clusters = (*soc.clusters[:place], quicker, *soc.clusters[place + 1 :])
    after = estimated_gflops(dataclasses.replace(soc, clusters=clusters))
    if before is None or after is None:
        assert before is after
        return
    assert after >= before
    for platform in PLATFORMS:
        slower = class_of(before, soc.instructions, ram_mib, platform)
        assert rank(slower) <= rank(class_of(after, soc.instructions, ram_mib, platform))


def test_the_estimate_is_that_of_the_four_fastest_cores() -> None:
    soc = parse_table(GOOD, "mine.toml").socs["one"]
    assert estimated_gflops(soc) == 2 * 16 * 2.0 + 2 * 8 * 1.0


def test_a_cluster_without_a_clock_counts_nothing() -> None:
    text = GOOD.replace(', core = "Little", max_mhz = 1000', ', core = "Little"')
    assert estimated_gflops(parse_table(text, "mine.toml").socs["one"]) == 2 * 16 * 2.0


def test_a_core_that_nobody_describes_makes_the_estimate_unknown() -> None:
    text = GOOD.replace("fp32_per_cycle = 8\n", "")
    assert estimated_gflops(parse_table(text, "mine.toml").socs["one"]) is None


@pytest.mark.parametrize(
    ("key", "ram_mib", "tier"),
    [
        ("mt6761", 2048, "t01"),
        ("mt6761", 3072, "t02"),
        ("sm6225", 4096, "t03"),
        ("mt6789", 4096, "t04"),
        ("mt6877_1080", 6144, "t05"),
        ("sm7325", 6144, "t06"),
        ("sm8250", 8192, "t07"),
        ("mt6896", 8192, "t08"),
        ("sm8450", 8192, "t09"),
        ("tensor_g2", 12288, "t09"),
        ("sm8550", 8192, "t10"),
        ("sm8650", 12288, "t11"),
        ("sm8650", 8192, "t10"),
        ("sm8750", 16384, "t12"),
    ],
)
def test_known_processors_fall_where_their_rank_is(key: str, ram_mib: int, tier: str) -> None:
    assert tier_of(device_table().socs[key], ram_mib, "android") == tier


def test_apple_needs_less_memory_for_the_same_class() -> None:
    soc = device_table().socs["apple_a18"]
    assert tier_of(soc, 8192, "ios") == "t11"
    assert tier_of(soc, 8192, "android") == "t10"


@pytest.mark.parametrize("each", CLASSES[1:], ids=lambda each: each.tier)
def test_memory_counts_as_sold_though_the_system_reports_less(each: DeviceClass) -> None:
    sold = each.android_mib
    assert class_by_memory(int(sold * 0.88), "android") == class_by_memory(sold, "android")
    below = class_by_memory(int(sold * NOMINAL_SHARE) - 1, "android")
    assert rank(below) < rank(class_by_memory(sold, "android"))
