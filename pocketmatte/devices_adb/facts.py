"""What a device says of itself before anything is put on it."""

import dataclasses
import re

from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.harness.result import Device

_PROPERTY = re.compile(r"^\[(.+?)\]: \[(.*)\]$", re.MULTILINE)
_EMULATED_HARDWARE = ("goldfish", "ranchu", "cutf_cvm", "cutf")
_COMMANDS = {
    "properties": "getprop",
    "memory": "cat /proc/meminfo",
    "processor": "cat /proc/cpuinfo",
    "cores": "cat /sys/devices/system/cpu/possible",
    "space": "df -k /data/local/tmp",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A device, as it describes itself.

    Attributes:
        device: What results say of it.
        abis: Processor interfaces that it runs programs of, the best first.
        free_bytes: Where programs from a shell may lie.
    """

    device: Device
    abis: tuple[str, ...]
    free_bytes: int


def read_facts(adb: Adb) -> Facts:
    """Ask a device what it is.

    Raises:
        DeviceError: If it does not say how much space it has.
    """
    return parse_facts(adb.sections(_COMMANDS))


def parse_facts(said: dict[str, str]) -> Facts:
    """Read what ``getprop``, ``/proc`` and ``df`` print.

    Args:
        said: By ``properties``, ``memory``, ``processor``, ``cores`` and ``space``.

    Raises:
        DeviceError: If there is no free space in it.
    """
    properties = dict(_PROPERTY.findall(said["properties"]))

    def text(name: str) -> str | None:
        return properties.get(name) or None

    def number(name: str) -> int | None:
        value = properties.get(name, "")
        return int(value) if value.isdecimal() else None

    soc = [text("ro.soc.manufacturer"), text("ro.soc.model") or text("ro.board.platform")]
    abis = tuple(filter(None, properties.get("ro.product.cpu.abilist", "").split(",")))
    device = Device(
        platform="android",
        manufacturer=text("ro.product.manufacturer"),
        model=text("ro.product.model"),
        soc=" ".join(filter(None, soc)) or None,
        os_version=text("ro.build.version.release"),
        api_level=number("ro.build.version.sdk"),
        abi=abis[0] if abis else None,
        cpu=_field(said["processor"], "Hardware") or _field(said["processor"], "model name"),
        cores=_cores(said["cores"]),
        ram_bytes=_ram_bytes(said["memory"]),
        media_performance_class=number("ro.odm.build.media_performance_class"),
        emulator=_is_emulator(properties),
    )
    return Facts(device=device, abis=abis, free_bytes=_free_bytes(said["space"]))


def _is_emulator(properties: dict[str, str]) -> bool:
    told = (properties.get(name) for name in ("ro.kernel.qemu", "ro.boot.qemu"))
    return "1" in told or properties.get("ro.hardware") in _EMULATED_HARDWARE


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    return found[1] if found else None


def _ram_bytes(text: str) -> int | None:
    total = _field(text, "MemTotal")
    return int(total.split()[0]) * 1024 if total and total.split()[0].isdecimal() else None


def _cores(text: str) -> int | None:
    """Count a kernel's list of processors, such as ``0-7`` or ``0-3,6``."""
    ranges = [part.split("-") for part in text.strip().split(",")]
    if not all(end.isdecimal() for ends in ranges for end in ends):
        return None
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def _free_bytes(text: str) -> int:
    heads, *rows = [line.split() for line in text.splitlines() if line.strip()] or [[]]
    if "Available" in heads and rows:
        # from the end: a long disk's name takes a line of its own; "Mounted on" is two words
        place = heads.index("Available") - len(heads) + 1
        cells = rows[-1]
        if len(cells) >= -place and cells[place].isdecimal():
            return int(cells[place]) * 1024
    msg = "the device does not say how much space /data/local/tmp has; look at adb shell df"
    raise DeviceError(msg)
