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


class DeviceLink:
    """See ``link.AppleLink``: a phone, through devicectl.

    Args:
        device: The phone.
        app: Bundle identifier of the app, which is installed already.
    """

    simulated = False

    def __init__(self, device: AppleDevice, app: str) -> None:
        self._device, self._app = device, app
        self.key, self.model = key_of(device.identifier), device.model

    def copy_in(self, local: Path, remote: str) -> None:
        """See ``link.AppleLink``."""
        self._copy("to", str(local), remote)

    def copy_out(self, remote: str, local: Path) -> None:
        """See ``link.AppleLink``."""
        self._copy("from", remote, str(local))

    def launch(self, words: Sequence[str], seconds: float) -> None:
        """See ``link.AppleLink``."""
        started = ("device", "process", "launch", "--console", "--terminate-existing")
        devicectl(
            *started, "--device", self._device.identifier, self._app, *words, timeout_s=seconds
        )

    def _copy(self, direction: str, source: str, destination: str) -> None:
        where = ("--domain-type", "appDataContainer", "--domain-identifier", self._app)
        devicectl(
            "device", "copy", direction, "--device", self._device.identifier, *where,
            "--source", source, "--destination", destination,
        )  # fmt: skip


def key_of(identifier: str) -> str:
    """Return a name that does not tell an identifier, the same each time."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:12]


def run_xcrun(
    words: Sequence[str], what: str, timeout_s: float
) -> "subprocess.CompletedProcess[bytes]":
    """Run a tool of Xcode's to its end, which may be a failure.

    Raises:
        RuntimeUnavailableError: If there is no xcrun.
        DeviceError: If it does not end in time.
    """
    try:
        return subprocess.run(
            ["xcrun", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s,
            check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        msg = "no xcrun on PATH; this needs a Mac with Xcode 16 or newer"
        raise RuntimeUnavailableError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"{what} did not end within {timeout_s:g} s; look at the device"
        raise DeviceError(msg) from error


def last_line(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return the last line of what a tool complained of, or how it ended."""
    lines = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with {done.returncode}"


def devicectl(*words: str, timeout_s: float = _STEP_S) -> dict[str, Any]:
    """Run devicectl once and return the ``result`` of its JSON.

    Raises:
        RuntimeUnavailableError: If there is no xcrun.
        DeviceError: If it fails, does not end in time, or writes no JSON.
    """
    what = " ".join(word for word in words[:3] if not word.startswith("-"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.json")
        asked = ["devicectl", *words, "--json-output", str(path)]
        done = run_xcrun(asked, f"devicectl {what}", timeout_s)
        try:
            said = json.loads(path.read_bytes())
            outcome = said["info"]["outcome"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"devicectl {what} wrote no JSON ({last_line(done)}); look at xcrun devicectl"
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
