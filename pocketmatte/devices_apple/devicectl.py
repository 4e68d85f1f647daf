"""Apple's ``xcrun devicectl``, asked for JSON: its words on the terminal are not for programs.

The forms of that JSON are those of Apple's documentation and of public programs that read it; no
device was at hand to record them from.
"""

import dataclasses
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pocketmatte.devices_adb.errors import DeviceError
from tiers.errors import RuntimeUnavailableError, UsageError

_STEP_S = 300.0  # a bundle of all tiers over a cable


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AppleDevice:
    """A device as devicectl lists it.

    Attributes:
        identifier: What devicectl calls it by.
        model: Its marketing name, such as ``iPhone 16``.
        paired: Whether it trusts this Mac.
    """

    identifier: str
    model: str | None
    paired: bool

    @property
    def key(self) -> str:
        """A name that does not tell the identifier, the same each time."""
        return hashlib.sha256(self.identifier.encode()).hexdigest()[:12]


def devicectl(*words: str, timeout_s: float = _STEP_S) -> dict[str, Any]:
    """Run devicectl once and return the ``result`` of its JSON.

    Raises:
        RuntimeUnavailableError: If there is no xcrun.
        DeviceError: If it fails, does not end in time, or writes no JSON.
    """
    what = " ".join(word for word in words[:3] if not word.startswith("-"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.json")
        command = ["xcrun", "devicectl", *words, "--json-output", str(path)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s,
                check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            msg = "no xcrun on PATH; this needs a Mac with Xcode 16 or newer"
            raise RuntimeUnavailableError(msg) from error
        except subprocess.TimeoutExpired as error:
            msg = f"devicectl {what} did not end within {timeout_s:g} s; look at the device"
            raise DeviceError(msg) from error
        try:
            said = json.loads(path.read_bytes())
            outcome = said["info"]["outcome"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            last = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
            words_of_it = last[-1] if last else f"it ended with {done.returncode}"
            msg = f"devicectl {what} wrote no JSON ({words_of_it}); look at xcrun devicectl"
            raise DeviceError(msg) from error
    if outcome != "success":
        msg = f"devicectl {what}: {_error(said)}; unlock the device and run again"
        raise DeviceError(msg)
    found = said.get("result")
    return found if isinstance(found, dict) else {}


def apple_devices() -> list[AppleDevice]:
    """Return the phones and tablets that devicectl knows of.

    Raises:
        DeviceError: If devicectl fails.
    """
    listed = devicectl("list", "devices").get("devices", [])
    return [
        AppleDevice(
            identifier=str(each["identifier"]),
            model=each.get("hardwareProperties", {}).get("marketingName"),
            paired=each.get("connectionProperties", {}).get("pairingState") == "paired",
        )
        for each in listed
        if each.get("hardwareProperties", {}).get("platform") in ("iOS", "iPadOS")
    ]


def choose_apple_device(there: Sequence[AppleDevice], wanted: str | None) -> AppleDevice:
    """Return the device to use; without a choice there must be one alone.

    Raises:
        UsageError: If it must be said which, or the one that was named is not there.
        DeviceError: If there is none, or it does not trust this Mac.
    """
    names = ", ".join(f"{each.identifier} ({each.model})" for each in there)
    if not there:
        msg = "no iPhone or iPad; plug one in, trust this Mac, and switch Developer Mode on"
        raise DeviceError(msg)
    found = [each for each in there if wanted in (None, each.identifier)]
    if wanted is not None and not found:
        msg = f"no device {wanted}; devicectl lists {names}"
        raise UsageError(msg)
    if len(found) > 1:
        msg = f"{len(found)} devices ({names}); name one with --device"
        raise UsageError(msg)
    if not found[0].paired:
        msg = f"device {found[0].identifier} does not trust this Mac; unlock it and allow that"
        raise DeviceError(msg)
    return found[0]


def _error(said: dict[str, Any]) -> str:
    """Return the words of a failure, which lie deep."""
    words = said.get("error", {}).get("userInfo", {}).get("NSLocalizedDescription")
    if isinstance(words, dict):
        words = words.get("string")
    return str(words or "it failed without a word of why")
