"""What a device says of itself; the texts are from documentation, not recorded."""

import pytest

from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.devices_adb.facts import parse_facts
from tests.adb.device_server import PROGRAMS

SAID = {
    "properties": (PROGRAMS / "texts" / "getprop.txt").read_text(),
    "memory": "MemTotal:       11534336 kB\nMemFree:          123456 kB\n",
    "processor": "processor\t: 0\nBogoMIPS\t: 38.40\nHardware\t: Maker M100\n",
    "cores": "0-7\n",
    "space": (
        "Filesystem       1K-blocks    Used Available Use% Mounted on\n"
        "/dev/block/dm-48 112345678 1234567  98765432   2% /data/user/0\n"
    ),
}
LONG_NAME = """\
Filesystem                                        1K-blocks Used Available Use% Mounted on
/dev/block/by-name/userdata-with-a-name-of-a-line
                                                  112345678 1234    987654   2% /data
"""


def test_a_device_is_described_by_its_properties() -> None:
    facts = parse_facts(SAID)
    assert facts.device.model_dump() == {
        "platform": "android", "manufacturer": "Stand-in", "model": "Stand-in 1",
        "soc": "Maker M100", "os_version": "14", "api_level": 34, "abi": "arm64-v8a",
        "cpu": "Maker M100", "cores": 8, "ram_bytes": 11534336 * 1024,
        "media_performance_class": 33, "emulator": False,
    }  # fmt: skip
    assert facts.abis == ("arm64-v8a", "armeabi-v7a", "armeabi")
    assert facts.free_bytes == 98765432 * 1024


def test_what_a_device_does_not_say_is_not_known() -> None:
    facts = parse_facts(dict.fromkeys(SAID, "") | {"space": SAID["space"]})
    known = {name for name, value in facts.device.model_dump().items() if value is not None}
    assert known == {"platform", "emulator"}


@pytest.mark.parametrize(
    "line", ["[ro.kernel.qemu]: [1]", "[ro.boot.qemu]: [1]", "[ro.hardware]: [ranchu]"]
)
def test_an_emulator_is_known_by_each_of_its_signs(line: str) -> None:
    assert parse_facts({**SAID, "properties": line}).device.emulator


@pytest.mark.parametrize(("text", "count"), [("0-3,6", 5), ("0", 1), ("0-1,4-7", 6)])
def test_cores_are_counted_from_a_kernels_list(text: str, count: int) -> None:
    assert parse_facts({**SAID, "cores": text}).device.cores == count


def test_free_space_is_found_below_a_long_disks_name() -> None:
    assert parse_facts({**SAID, "space": LONG_NAME}).free_bytes == 987654 * 1024


@pytest.mark.parametrize("text", ["", "df: /data/local/tmp: Permission denied\n"])
def test_a_device_that_does_not_say_its_free_space_is_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="does not say how much space"):
        parse_facts({**SAID, "space": text})
