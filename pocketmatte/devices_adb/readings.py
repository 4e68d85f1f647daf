"""How warm a device is and what its battery holds, from what ``dumpsys`` prints.

The forms are those of Android's documentation and source; what is not found is not known.
"""

import re

from pocketmatte.harness.result import Battery, Heat

_STATUS = re.compile(r"^\s*Thermal Status: (\d+)", re.MULTILINE)
_SKIN = re.compile(r"mValue=(-?[\d.]+), mType=3,")  # 3 is skin: what a hand feels
_CHARGING = {"2": True, "5": True, "3": False, "4": False}  # BatteryManager's; 1 is unknown
_WORST_STATUS = 6


def parse_heat(text: str, seconds: float) -> Heat:
    """Read what ``dumpsys thermalservice`` prints; Android 9 and older have no such service."""
    status = _STATUS.search(text)
    known = int(status[1]) if status and int(status[1]) <= _WORST_STATUS else None
    skin = _SKIN.findall(text)  # cached readings come first, then those of now
    return Heat(seconds=seconds, status=known, celsius=float(skin[-1]) if skin else None)


def parse_battery(text: str, low_power: str, seconds: float) -> Battery:
    """Read what ``dumpsys battery`` and ``settings get global low_power`` print."""
    fields = {
        name.strip(): value.strip()
        for name, colon, value in (line.partition(":") for line in text.splitlines())
        if colon
    }
    level, scale = fields.get("level", ""), fields.get("scale", "")
    percent = None
    if level.isdecimal() and scale.isdecimal() and int(scale) > 0 and int(level) <= int(scale):
        percent = 100 * int(level) / int(scale)
    return Battery(
        seconds=seconds,
        percent=percent,
        charging=_CHARGING.get(fields.get("status", "")),
        low_power_mode={"0": False, "1": True}.get(low_power.strip()),
    )
