"""The device targeting file: as Play documents it, within its limits, and read back."""

import pytest

from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.delivery.levels import Level
from pocketmatte.selection.delivery.targeting import (
    DeviceGroup,
    Selector,
    check_limits,
    device_groups,
)
from pocketmatte.selection.delivery.targeting_xml import read_targeting, targeting_text
from tiers.errors import BundleError

LEVELS = tuple(Level(classes=(each.tier,), choices={}) for each in CLASSES)
GROUPS = tuple((each.name, each.selectors) for each in device_groups(LEVELS))


@pytest.mark.parametrize(
    ("selectors", "said"),
    [
        ((Selector(ram_min_bytes=0),) * 6, "has 6 selectors, Play takes 5"),
        (
            (Selector(ram_min_bytes=0, devices=tuple(("b", str(n)) for n in range(10_001))),),
            "has 10001 device ids, Play takes 10000",
        ),
    ],
)
def test_a_group_beyond_a_limit_is_refused(selectors: tuple[Selector, ...], said: str) -> None:
    group = DeviceGroup(name="pocketmatte_t05", classes=("t05",), selectors=selectors)
    with pytest.raises(BundleError, match=said):
        check_limits(group)
    with pytest.raises(BundleError):
        targeting_text([group])


def test_the_groups_of_the_table_keep_the_limits_with_room() -> None:
    for name, selectors in GROUPS:
        assert 0 < len(selectors) <= 5, name
        assert sum(len(each.devices) for each in selectors) < 5000


def test_the_file_reads_as_it_was_written() -> None:
    groups = device_groups(LEVELS)
    assert read_targeting(targeting_text(groups)) == GROUPS
    odd = DeviceGroup(
        name="a_1", classes=(),
        selectors=(Selector(ram_min_bytes=1, devices=(('<&"\'>', "é"),)),),
    )  # fmt: skip
    assert read_targeting(targeting_text([odd])) == (("a_1", odd.selectors),)


FINE = (
    '<config:device-targeting-config xmlns:config="http://schemas.android.com/apk/config">'
    '<config:device-group name="a"><config:device-selector ram-min-bytes="1">'
    '<config:system-on-chip manufacturer="QTI" model="SM8750"/>'
    '<config:included-device-id brand="google"/>'
    "</config:device-selector></config:device-group></config:device-targeting-config>"
)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("apk/config", "apk/other", "its root is"),
        ("device-targeting-config", "device-tier-config", "its root is"),
        ('name="a"', "", "device-group has no name"),
        ('name="a"', 'name="other"', "a group is called 'other'"),
        ('name="a"', 'name="1a"', "a group is called '1a'"),
        ('name="a"', 'name="a" extra="b"', "device-group has 'extra' = 'b'"),
        ('model="SM8750"', 'model=" "', "system-on-chip has 'model' = ' '"),
        ('model="SM8750"', "", "system-on-chip has no model"),
        ("config:system-on-chip", "config:processor", "device-selector holds"),
        ('ram-min-bytes="1"', 'ram-min-bytes="-1"', "a selector is"),
        ('ram-min-bytes="1"', 'ram-max-bytes="1"', "a selector is"),
        ("</config:device-selector>", "text</config:device-selector>", "has text"),
        ("</config:device-group>", "", "it is no XML"),
        ("<config:device-group", "<!DOCTYPE a><config:device-group", "it declares something"),
    ],
)
def test_a_file_that_play_does_not_document_is_refused(right: str, wrong: str, said: str) -> None:
    assert read_targeting(FINE)[0][0] == "a"
    assert right in FINE
    with pytest.raises(BundleError, match="no device targeting file") as caught:
        read_targeting(FINE.replace(right, wrong))
    assert said in str(caught.value)


def test_six_selectors_two_groups_of_a_name_and_an_empty_file_are_refused() -> None:
    selector = FINE[FINE.index("<config:device-sel") : FINE.index("</config:device-group>")]
    with pytest.raises(BundleError, match="it has 6 selectors; it must be at most 5"):
        read_targeting(FINE.replace(selector, selector * 6))
    group = FINE[FINE.index("<config:device-group") : FINE.index("</config:device-targeting")]
    with pytest.raises(BundleError, match="a group is called 'a'"):
        read_targeting(FINE.replace(group, group * 2))
    with pytest.raises(BundleError, match="device-targeting-config is empty"):
        read_targeting(FINE.replace(group, ""))


def test_a_file_that_does_not_read_as_it_was_written_is_never_given_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = "pocketmatte.selection.delivery.targeting_xml.read_targeting"
    monkeypatch.setattr(place, lambda _text: ())
    with pytest.raises(BundleError, match="does not read as it was written"):
        targeting_text(device_groups(LEVELS))
