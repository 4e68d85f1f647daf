"""The device targeting file of an app bundle: written, read, and held to what Play documents.

https://developer.android.com/google/play/on-device-ai, "Create a device targeting configuration XML
file", has its elements and attributes.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Never
from xml.sax.saxutils import quoteattr

from pocketmatte.selection.delivery.targeting import (
    DEFAULT,
    MOST_SELECTORS,
    DeviceGroup,
    Selector,
    check_limits,
)
from pocketmatte.selection.shapes import shown
from tiers.errors import BundleError

FILE_NAME = "device_targeting_config.xml"
_NAMESPACE = "http://schemas.android.com/apk/config"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BYTES = re.compile(r"0|[1-9][0-9]{0,17}")

# Of an element: what it may hold, and which attributes it must and may have.
_HOLDS = {
    "device-targeting-config": ("device-group",),
    "device-group": ("device-selector",),
    "device-selector": (
        "included-device-id", "excluded-device-id", "required-system-feature",
        "forbidden-system-feature", "system-on-chip",
    ),
}  # fmt: skip
_MUST = {
    "device-group": {"name"},
    "included-device-id": {"brand"},
    "excluded-device-id": {"brand"},
    "required-system-feature": {"name"},
    "forbidden-system-feature": {"name"},
    "system-on-chip": {"manufacturer", "model"},
}
_MAY = {
    "device-selector": {"ram-min-bytes", "ram-max-bytes"},
    "included-device-id": {"device"},
    "excluded-device-id": {"device"},
}


def targeting_text(groups: Sequence[DeviceGroup]) -> str:
    """Return the file of some groups, the first of them the first that Play tries.

    Raises:
        BundleError: If Play would refuse it.
    """
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines.append(f'<config:device-targeting-config xmlns:config="{_NAMESPACE}">')
    for group in groups:
        lines.append(f"    <config:device-group name={quoteattr(group.name)}>")
        for selector in group.selectors:
            lines += _selector(selector)
        lines.append("    </config:device-group>")
    lines.append("</config:device-targeting-config>")
    text = "\n".join(lines) + "\n"
    if read_targeting(text) != tuple((each.name, each.selectors) for each in groups):
        msg = "the device targeting file does not read as it was written; this is a fault of ours"
        raise BundleError(msg)
    return text


def read_targeting(text: str) -> tuple[tuple[str, tuple[Selector, ...]], ...]:
    """Return the names and selectors of the groups of a file.

    Raises:
        BundleError: If it is no such file, breaks a limit, or has what these groups never have:
            excluded devices, system features, or a most of memory.
    """
    if "<!" in text:  # entities could make a short text endless
        _refuse("it declares something", "a file of elements alone")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        _refuse(f"it is no XML ({error})", "a whole file")
    if root.tag != f"{{{_NAMESPACE}}}device-targeting-config":
        _refuse(f"its root is {shown(root.tag)}", f"device-targeting-config of {_NAMESPACE}")
    _check(root)
    names = [group.attrib["name"] for group in root]
    for name in names:
        if not _NAME.fullmatch(name) or name == DEFAULT or names.count(name) > 1:
            _refuse(
                f"a group is called {shown(name)}", "a letter, then letters, digits and _, once"
            )
    return tuple((group.attrib["name"], _selectors(group)) for group in root)


def _selector(selector: Selector) -> list[str]:
    memory = f' ram-min-bytes="{selector.ram_min_bytes}"' if selector.ram_min_bytes else ""
    lines = [f"        <config:device-selector{memory}>"]
    lines += [
        f"            <config:included-device-id brand={quoteattr(brand)} "
        f"device={quoteattr(device)}/>"
        for brand, device in selector.devices
    ]
    lines += [
        f"            <config:system-on-chip manufacturer={quoteattr(maker)} "
        f"model={quoteattr(model)}/>"
        for maker, model in selector.socs
    ]
    return [*lines, "        </config:device-selector>"]


def _check(element: ET.Element) -> None:
    name = _local(element)
    must, may = _MUST.get(name, set()), _MAY.get(name, set())
    for attribute in sorted(must - set(element.attrib)):
        _refuse(f"{name} has no {attribute}", f"one with {', '.join(sorted(must))}")
    for attribute, value in element.attrib.items():
        if attribute not in must | may or not value.strip():
            _refuse(f"{name} has {shown(attribute)} = {shown(value)}", "what Play documents")
    if (element.text or "").strip() or (element.tail or "").strip():
        _refuse(f"{name} has text", "elements alone")
    for child in element:
        if _local(child) not in _HOLDS.get(name, ()):
            _refuse(f"{name} holds {shown(child.tag)}", "what Play documents")
        _check(child)
    if name in ("device-targeting-config", "device-group") and not len(element):
        _refuse(f"{name} is empty", "one or more inside")
    if name == "device-group" and len(element) > MOST_SELECTORS:
        _refuse(f"it has {len(element)} selectors", f"at most {MOST_SELECTORS}")


def _selectors(group: ET.Element) -> tuple[Selector, ...]:
    found = tuple(_read_selector(each) for each in group)
    check_limits(DeviceGroup(name=group.attrib["name"], classes=(), selectors=found))
    return found


def _read_selector(element: ET.Element) -> Selector:
    least = element.get("ram-min-bytes", "0")
    kinds = {_local(each) for each in element} - {"included-device-id", "system-on-chip"}
    if kinds or "ram-max-bytes" in element.attrib or not _BYTES.fullmatch(least):
        _refuse(f"a selector is {shown([*sorted(kinds), *element.items()])}", "one of ours")
    devices = [each for each in element if _local(each) == "included-device-id"]
    socs = [each for each in element if _local(each) == "system-on-chip"]
    return Selector(
        ram_min_bytes=int(least),
        devices=tuple((each.attrib["brand"], each.get("device", "")) for each in devices),
        socs=tuple((each.attrib["manufacturer"], each.attrib["model"]) for each in socs),
    )


def _local(element: ET.Element) -> str:
    namespace, _, name = element.tag.rpartition("}")
    return name if namespace == f"{{{_NAMESPACE}" else element.tag


def _refuse(found: str, limit: str) -> Never:
    msg = f"no device targeting file: {found}; it must be {limit}: deliver again"
    raise BundleError(msg) from None
