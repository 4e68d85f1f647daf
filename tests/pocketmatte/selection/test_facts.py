"""What a device may say, and what none can."""

import math
from typing import Any

import pytest

from pocketmatte.selection.facts import Facts
from tiers.errors import UsageError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("platform", "macos"),
        ("platform", "Android"),
        ("platform", ""),
        ("platform", None),
        ("manufacturer", 3),
        ("model", b"SM-S928B"),
        ("soc", ["SM8650"]),
        ("os_version", 14),
        ("ram_bytes", 0),
        ("ram_bytes", -1),
        ("ram_bytes", 1e30),
        ("ram_bytes", 10**30),
        ("ram_bytes", math.nan),
        ("ram_bytes", math.inf),
        ("ram_bytes", 8.0 * 2**30),
        ("ram_bytes", True),
        ("ram_bytes", "8 GB"),
        ("api_level", 0),
        ("api_level", 10_001),
        ("media_performance_class", -1),
        ("cores", 0),
        ("cores", -8),
        ("cores", 2000),
        ("cores", True),
    ],
)
def test_what_no_device_says_is_refused_in_one_line(field: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Facts(**{"platform": "android", field: value})
    message = str(caught.value)
    assert message.startswith(f"{field} is ")
    assert "\n" not in message
    assert message.isascii()
    assert len(message) < 250


def test_a_number_that_python_does_not_write_is_refused_too() -> None:
    with pytest.raises(UsageError, match="ram_bytes is a number of thousands of digits"):
        Facts(platform="android", ram_bytes=10**6000)


def test_what_is_not_known_may_be_left_out_or_empty() -> None:
    facts = Facts(platform="android", manufacturer="", model=None, soc="  ", os_version="")
    assert facts.ram_mib is None
    assert facts.major is None


@pytest.mark.parametrize(
    ("version", "api_level", "major"),
    [
        ("14", None, 14),
        ("8.1.0", None, 8),
        ("Android 15", 30, 15),
        ("17.5.1", None, 17),
        (None, 34, 14),
        ("", 30, 11),
        ("Baklava", 36, 16),
        (None, 19, None),
        ("20250101", None, None),
        (None, None, None),
    ],
)
def test_the_version_is_that_of_the_system_or_of_its_api_level(
    version: str | None, api_level: int | None, major: int | None
) -> None:
    assert Facts(platform="android", os_version=version, api_level=api_level).major == major


def test_an_api_level_says_nothing_of_an_apple_device() -> None:
    assert Facts(platform="ios", api_level=34).major is None


def test_memory_is_counted_in_mebibytes() -> None:
    assert Facts(platform="ios", ram_bytes=8 * 2**30 - 1).ram_mib == 8191
