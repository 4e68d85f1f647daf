"""Every rule of the device table, broken once; the message names row and field."""

from pathlib import Path

import pytest

from pocketmatte.selection.devices import parse_table, read_table
from pocketmatte.selection.errors import DeviceTableError
from tests.pocketmatte.selection.tables import GOOD
from tiers.errors import PocketMatteError


def broken(old: str, new: str) -> str:
    """Return the good table with the first ``old`` replaced."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def refusal(text: str) -> str:
    with pytest.raises(DeviceTableError) as caught:
        parse_table(text, "mine.toml")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_good_table_is_read() -> None:
    table = parse_table(GOOD, "mine.toml")
    first, second = table.devices
    assert first.soc is second.soc
    assert [cluster.core.name for cluster in first.soc.clusters] == ["Big", "Little"]
    assert first.soc.instructions == "fp16"
    assert (second.devices, second.os_last, second.media_performance_class) == ((), None, None)


@pytest.mark.parametrize(
    ("old", "new", "row", "field"),
    [
        ("schema_version = 1", "schema_version = 2", "mine.toml", "schema_version is 2"),
        ("schema_version = 1", "", "mine.toml", "schema_version is missing"),
        ('"https://example.org/page"', '"ftp://x"', "[source.page]", "url is 'ftp://x'"),
        ("read = true", 'read = "yes"', "[source.page]", "read is 'yes'"),
        ("fp32_per_cycle = 16", "fp32_per_cycle = 0", "[core.Big]", "fp32_per_cycle is 0"),
        ('"i8mm"', '"avx"', "[core.Big]", "instructions is 'avx'; it must be one of armv8.0"),
        ("cores = 6", "cores = 8", "[soc.one]", "cores is 8; it must be 6"),
        ('core = "Big"', 'core = "Huge"', "[soc.one] clusters[0]", "core is 'Huge'"),
        ("max_mhz = 2000", "max_mhz = 2.0", "[soc.one] clusters[0]", "max_mhz is 2.0"),
        ("count = 2", "count = true", "[soc.one] clusters[0]", "count is True"),
        ("year = 2020", "year = 1999", "[soc.one]", "year is 1999"),
        ('["ONE100"]', '["ONE100", "ONE100"]', "[soc.one]", "each entry once"),
        ('gpu = "GPU"', 'gpu = " "', "[soc.one]", "gpu is ' '"),
        ('gpu = "GPU"', 'gpu = "G\\nPU"', "[soc.one]", "gpu is 'G\\nPU'; it must be a text of one"),
        ("[soc.one]", '[soc."o\\ne"]', "[soc.'o\\ne']", "a name must be printable"),
        ('name = "Phone A"', '"na\\nme" = 1\nname = "Phone A"', "device 'Phone A'", "'na\\nme'"),
        ('npu = "none"', 'npu = "none"\ntops = 40', "[soc.one]", "'tops': no such field"),
        ('name = "Phone A"', 'name = ""', "device number 0", "name is ''"),
        ('name = "Phone A"\n', "", "device number 0", "name is missing"),
        ('platform = "android"', 'platform = "symbian"', "device 'Phone A'", "platform is"),
        ('["A-1", "A-2"]', "[]", "device 'Phone A'", "models is []"),
        ('["A-1", "A-2"]', '["A-1", 2]', "device 'Phone A'", "models is 2"),
        ('["A-1", "A-2"]', '"A-1"', "device 'Phone A'", "models is 'A-1'"),
        ("year = 2021", "year = 2019", "device 'Phone A'", "year is 2019; it must be 2020 or"),
        ('soc = "one"', 'soc = "two"', "device 'Phone A'", "soc is 'two'"),
        ("[4096, 6144]", "[6144, 4096]", "device 'Phone A'", "ram_mib is [6144, 4096]"),
        ("[4096, 6144]", "[4]", "device 'Phone A'", "ram_mib is 4"),
        ('os_last = "13"', 'os_last = "9"', "device 'Phone A'", "os_last is '9'; it must be 11"),
        ('os_launch = "11"', 'os_launch = "R"', "device 'Phone A'", "os_launch is 'R'"),
        ("= 31", "= 12", "device 'Phone A'", "media_performance_class is 12"),
        ('["B-1"]', '["a-2"]', "device 'Phone B'", "models holds 'a-2', as 'Phone A' does"),
        ('name = "Phone B"', 'name = "PHONE A"', "device 'PHONE A'", "name holds 'phone a'"),
    ],
)
def test_a_broken_rule_is_refused(old: str, new: str, row: str, field: str) -> None:
    message = refusal(broken(old, new))
    assert message.startswith(row)
    assert field in message


@pytest.mark.parametrize("row", ["[core.Big]", "[soc.one]", "device 'Phone B'"])
def test_a_row_without_a_source_is_refused(row: str) -> None:
    start = {"[core.Big]": '[core."Big"]', "[soc.one]": "[soc.one]"}.get(row, 'name = "Phone B"')
    head, tail = GOOD.split(start)
    assert refusal(head + start + tail.replace('sources = ["page"]', "sources = []", 1)) == (
        f"{row} sources is []; it must be a list of 1 or more"
    )


def test_a_source_that_there_is_not_is_refused() -> None:
    text = GOOD[::-1].replace('sources = ["page"]'[::-1], 'sources = ["book"]'[::-1], 1)[::-1]
    assert refusal(text) == "device 'Phone B' sources holds 'book'; there is no [source.book]"


def test_two_devices_of_one_device_name_are_refused() -> None:
    text = GOOD.replace('models = ["B-1"]', 'models = ["B-1"]\ndevices = ["Alpha"]')
    assert "devices holds 'alpha', as 'Phone A' does" in refusal(text)


@pytest.mark.parametrize("kind", ["source", "core", "soc", "device"])
def test_a_table_without_a_kind_of_row_is_refused(kind: str) -> None:
    assert kind in refusal(GOOD.replace(f"[{kind}.", "[x.").replace(f"[[{kind}]]", "[[y]]"))


def test_a_field_at_the_top_that_there_is_not_is_refused() -> None:
    assert "'extra' is 1; it must be left out" in refusal("extra = 1\n" + GOOD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml at all",
        GOOD[: len(GOOD) // 2],
        "schema_version = 1" + "0" * 5000,
        "x = " + "[" * 20_000,
        "schema_version = nan",
        "schema_version = 1\nsource = 3",
        "schema_version = 1\n[source]\npage = 3",
    ],
)
def test_what_is_no_table_is_refused_in_one_line(text: str) -> None:
    assert refusal(text)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PocketMatteError, match=r"none\.toml cannot be read"):
        read_table(tmp_path / "none.toml")
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DeviceTableError, match=r"picture\.toml cannot be read as text"):
        read_table(tmp_path / "picture.toml")
