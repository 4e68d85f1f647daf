"""Which devices are used, and why one cannot be."""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pocketmatte.devices_adb.adb import Adb, Patience, find_adb
from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.devices_adb.listing import Listed, choose_devices, listed, parse_listing
from tests.adb.device_server import Device
from tests.adb.isolated import quietly
from tiers.errors import RuntimeUnavailableError, UsageError

# the form from documentation, not recorded
LISTING = """\
* daemon not running; starting now at tcp:5037
* daemon started successfully
List of devices attached
0A1B\tdevice
emulator-5554\toffline
9Z\tno permissions (user in plugdev group; are your udev rules wrong?); see [http://example.org]

"""


def ready(*serials: str) -> list[Listed]:
    return [Listed(serial=serial, state="device") for serial in serials]


def there(adb: str) -> list[Listed]:
    return listed(Adb(adb, None, Patience(), threading.Event()))


def test_a_listing_is_read_with_states_of_several_words() -> None:
    found = parse_listing(LISTING)
    assert [each.serial for each in found] == ["0A1B", "emulator-5554", "9Z"]
    assert [each.state for each in found[:2]] == ["device", "offline"]
    assert found[2].state.startswith("no permissions")


def test_the_only_device_is_used_unasked() -> None:
    assert choose_devices(ready("a"), [], every=False) == ready("a")


def test_named_devices_and_all_devices_are_used() -> None:
    assert choose_devices(ready("a", "b"), ["b", "b"], every=False) == ready("b")
    assert choose_devices(ready("a", "b"), [], every=True) == ready("a", "b")


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no device c; adb lists a, b"):
        choose_devices(ready("a", "b"), ["c"], every=False)


def test_a_key_does_not_tell_the_serial_number_and_stays_the_same() -> None:
    first, second = Listed(serial="0A1B", state="device"), Listed(serial="0A1B", state="offline")
    assert first.key == second.key
    assert "0A1B" not in first.key.upper()


def test_no_device_is_said_with_the_way_out(adb: str) -> None:
    with pytest.raises(DeviceError, match="no Android device; plug one in and allow USB"):
        choose_devices(there(adb), [], every=False)


def test_two_devices_need_a_choice(adb: str, connect: Callable[..., Device]) -> None:
    first, second = connect(), connect()
    with pytest.raises(UsageError, match=r"2 devices .*; name one or more with --serial") as error:
        choose_devices(there(adb), [], every=False)
    assert first.serial in str(error.value)
    assert second.serial in str(error.value)


def test_an_unauthorised_device_is_said_with_the_way_out(
    adb: str, connect: Callable[..., Device]
) -> None:
    device = connect()
    quietly("adb", "disconnect", device.serial)
    device.faults.authorised = False
    quietly("adb", "connect", device.serial)
    with pytest.raises(DeviceError, match="is unauthorized; unlock it and allow this computer"):
        choose_devices(there(adb), [], every=False)


def test_an_offline_device_is_said_with_the_way_out(
    adb: str, connect: Callable[..., Device]
) -> None:
    device = connect()
    device.out_of_reach()
    device.unplug()
    with pytest.raises(DeviceError, match="is offline; unplug it and plug it in again"):
        choose_devices(there(adb), [], every=False)


def test_adb_is_found_where_android_home_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "platform-tools" / "adb"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    assert find_adb(None) == str(program)


def test_an_adb_that_is_not_there_is_refused_even_where_another_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match=f"no adb in {re.escape(str(tmp_path))}"):
        find_adb(tmp_path / "adb")


def test_no_adb_at_all_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    with pytest.raises(RuntimeUnavailableError, match="install Android's platform-tools"):
        find_adb(None)
