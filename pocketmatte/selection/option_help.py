"""What the options of ``select``, ``bundle`` and ``deliver`` are for, in both command lines."""

from collections.abc import Mapping
from types import MappingProxyType

_BUNDLE = "Bundle that the lock is of; the folder of the lock if not given."
_LOCK = "Lock that pocketmatte select wrote."
_NEIGHBOURS = "Also what the device needs to choose, and so many tiers on each side."
_JSON = "Print JSON on stdout and nothing else."

SELECT: Mapping[str, str] = MappingProxyType(
    {
        "bundle": "Folder that pocketmatte build wrote.",
        "--device": "Name, model or device name of a device of the table.",
        "--class": "A class of devices, t01 to t12.",
        "--facts": "JSON file of what a device says of itself.",
        "--all": "Every device of the table, grouped by class.",
        "--platform": "With --class or --all: android, ios or ipados.",
        "--network": "Networks, comma-separated; those of the policy if not given.",
        "--policy": "TOML file of what the app asks for.",
        "--prior": "Model for what nobody measured: roofline, or none, the default.",
        "--results": "Result of a device, or a folder of them; repeatable.",
        "--budget-ms": "Largest 95th percentile of a frame, in ms.",
        "--budget-fps": "The same as frames a second.",
        "--memory-mb": "Most memory of a run, in 1e6 bytes.",
        "--download-mb": "Largest files of one network, in 1e6 bytes.",
        "--minimum-tier": "Lowest tier that is worth having.",
        "--minimum-psnr-db": "Least PSNR against PyTorch that verify found.",
        "--process": "Whose results count: app_foreground or adb_shell.",
        "--orientation": "landscape or portrait.",
        "--prefer": "Among files of one tier: speed, size or listed.",
        "--out": "Where the lock goes: tiers.lock.json.",
        "--check": "A lock that must be what would be chosen now.",
        "--explain": "Say it in words, a line for each alternative.",
        "--json": _JSON,
    }
)

BUNDLE: Mapping[str, str] = MappingProxyType(
    {
        "lock": _LOCK,
        "--bundle": _BUNDLE,
        "--out": "Folder for the files; replaced whole.",
        "--platform": "Of the app: android, ios, ipados or apple; all of the lock if not given.",
        "--neighbours": _NEIGHBOURS,
        "--json": _JSON,
    }
)

DELIVER: Mapping[str, str] = MappingProxyType(
    {
        "lock": _LOCK,
        "--out": "Folder that is brought to what the lock takes.",
        "--layout": "assets, ai-packs (Google Play) or background-assets (Apple).",
        "--bundle": _BUNDLE,
        "--platform": "Of the app, with assets: android, ios, ipados or apple.",
        "--delivery": (
            "When packs come: install-time, fast-follow or on-demand of Play; essential, prefetch "
            "or on-demand of Apple."
        ),
        "--pack-prefix": "What the ids of Apple's packs begin with: pocketmatte.",
        "--neighbours": _NEIGHBOURS,
        "--policy": "Policy that the lock was chosen by, to choose again.",
        "--network": "Networks that the lock was chosen for, comma-separated.",
        "--results": "Results that the lock was chosen by; repeatable.",
        "--frozen": "Do not choose again: take the lock as it is.",
        "--check": "Write nothing; say what is not as the lock has it.",
        "--json": _JSON,
    }
)
