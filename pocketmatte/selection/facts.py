"""What a device says of itself, checked: what cannot be is refused, what is empty is unknown."""

import dataclasses
import re

from pocketmatte.selection.rows import PLATFORMS, Platform
from tiers.errors import UsageError

_MEBIBYTE = 1024 * 1024
_RAM_BYTES = (64 * _MEBIBYTE, 1024 * 1024 * _MEBIBYTE)  # 64 MiB to 1 TiB
_API_LEVELS = (1, 10_000)  # 10,000 is what Android calls a system still in the making
_CORES = (1, 1024)
_MAJOR = r"[^0-9]*([0-9]{1,3})(?![0-9])"

# Android's version of an API level, https://apilevels.com; from 33 on it is 20 less.
_ANDROID_OF_API = {26: 8, 27: 8, 28: 9, 29: 10, 30: 11, 31: 12, 32: 12}
_EVEN_FROM = 33


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of a device; ``None`` or an empty text is not known.

    Attributes:
        platform: ``android``, ``ios`` or ``ipados``.
        manufacturer: ``Build.MANUFACTURER``.
        model: ``Build.MODEL``, or ``hw.machine`` of Apple's.
        device: ``Build.DEVICE``.
        soc: ``Build.SOC_MODEL``, with or without the maker before it.
        ram_bytes: As the system reports it.
        os_version: Such as ``17.5.1``.
        api_level: ``Build.VERSION.SDK_INT``.
        media_performance_class: Android's; 0 is none declared.
        cores: Of the processor.
    """

    platform: Platform
    manufacturer: str | None = None
    model: str | None = None
    device: str | None = None
    soc: str | None = None
    ram_bytes: int | None = None
    os_version: str | None = None
    api_level: int | None = None
    media_performance_class: int | None = None
    cores: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no device can say.

        Raises:
            UsageError: With the fact, its value and its limits.
        """
        if self.platform not in PLATFORMS:
            msg = f"platform is {_shown(self.platform)}; there are {', '.join(PLATFORMS)}"
            raise UsageError(msg)
        for field in ("manufacturer", "model", "device", "soc", "os_version"):
            _require_text(field, getattr(self, field))
        _require_number("ram_bytes", self.ram_bytes, *_RAM_BYTES)
        _require_number("api_level", self.api_level, *_API_LEVELS)
        _require_number("media_performance_class", self.media_performance_class, 0, _API_LEVELS[1])
        _require_number("cores", self.cores, *_CORES)

    @property
    def ram_mib(self) -> int | None:
        """Memory as reported, in MiB."""
        return None if self.ram_bytes is None else self.ram_bytes // _MEBIBYTE

    @property
    def major(self) -> int | None:
        """Major version of the system, of its API level where it says no version."""
        found = re.match(_MAJOR, self.os_version or "")
        if found:
            return int(found[1])
        if self.api_level is None or self.platform != "android":
            return None
        if self.api_level >= _EVEN_FROM:
            return self.api_level - 20
        return _ANDROID_OF_API.get(self.api_level)


def _require_text(field: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        msg = f"{field} is {_shown(value)}; it must be a text, or left out where it is not known"
        raise UsageError(msg)


def _require_number(field: str, value: object, low: int, high: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        msg = (
            f"{field} is {_shown(value)}; it must be a whole number from {low} to {high}, "
            "or left out where it is not known"
        )
        raise UsageError(msg)


def _shown(value: object) -> str:
    """Return a value in one line of ASCII, and not all of it where it is long."""
    try:
        text = ascii(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
