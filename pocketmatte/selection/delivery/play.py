"""Which device group Google Play finds for a device, as it documents it."""

import dataclasses
from collections.abc import Iterable

from pocketmatte.selection.delivery.targeting import DEFAULT, Selector

_SOC_API_LEVEL = 31  # Build.SOC_MODEL came with Android 12


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What Play sees of a device.

    Attributes:
        brand, device: ``Build.BRAND`` and ``Build.DEVICE``.
        soc_manufacturer, soc_model: Of ``Build``; empty where it does not say.
        ram_bytes: As the system reports it.
        api_level: Below 31 no processor is seen.
    """

    brand: str
    device: str
    soc_manufacturer: str
    soc_model: str
    ram_bytes: int
    api_level: int


def group_of(groups: Iterable[tuple[str, tuple[Selector, ...]]], seen: Seen) -> str:
    """Return the first group with a selector that a device matches, ``other`` where none has one.

    Args:
        groups: As ``targeting_xml.read_targeting`` returns them.
        seen: The device.
    """
    for name, selectors in groups:
        if any(_matches(each, seen) for each in selectors):
            return name
    return DEFAULT


def _matches(selector: Selector, seen: Seen) -> bool:
    if seen.ram_bytes < selector.ram_min_bytes:
        return False
    device = (seen.brand, seen.device) in selector.devices or (seen.brand, "") in selector.devices
    soc = (seen.soc_manufacturer, seen.soc_model) in selector.socs
    soc = soc and seen.api_level >= _SOC_API_LEVEL
    return (device or not selector.devices) and (soc or not selector.socs)
