"""Heat and battery, from texts that are from documentation, not recorded."""

import pytest

from pocketmatte.devices_adb.readings import parse_battery, parse_heat
from tests.adb.device_server import PROGRAMS

BATTERY = (PROGRAMS / "texts" / "battery.txt").read_text()
HEAT = (PROGRAMS / "texts" / "thermalservice.txt").read_text()


def test_heat_is_the_status_and_the_skin_as_it_is_now() -> None:
    heat = parse_heat(HEAT, 3.0)
    assert (heat.seconds, heat.status, heat.celsius) == (3.0, 0, 31.5)


@pytest.mark.parametrize(
    "text", ["", "Can't find service: thermalservice\n", "Thermal Status: 77\n"]
)
def test_a_device_that_does_not_say_how_warm_it_is_leaves_it_unknown(text: str) -> None:
    heat = parse_heat(text, 0.0)
    assert (heat.status, heat.celsius) == (None, None)


def test_a_battery_is_read_with_its_scale() -> None:
    battery = parse_battery(BATTERY.replace("scale: 100", "scale: 200"), "0\n", 1.0)
    assert (battery.percent, battery.charging, battery.low_power_mode) == (42.5, True, False)


@pytest.mark.parametrize(
    ("status", "charging"), [(1, None), (2, True), (3, False), (4, False), (5, True)]
)
def test_charging_is_said_by_the_batterys_status(status: int, charging: bool | None) -> None:
    text = BATTERY.replace("status: 2", f"status: {status}")
    assert parse_battery(text, "1", 0.0).charging is charging


def test_a_device_without_a_battery_leaves_all_unknown() -> None:
    battery = parse_battery("Can't find service: battery\n", "null\n", 0.0)
    assert (battery.percent, battery.charging, battery.low_power_mode) == (None, None, None)
