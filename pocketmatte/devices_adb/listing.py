"""Which devices there are, and which of them to use."""

import dataclasses
import hashlib
from collections.abc import Sequence

from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.errors import DeviceError, TransportError
from tiers.errors import UsageError

_READY = "device"
_WAYS_OUT = {
    "unauthorized": "unlock it and allow this computer, then run again",
    "authorizing": "unlock it and allow this computer, then run again",
    "offline": "unplug it and plug it in again, or adb connect it anew",
    "connecting": "wait a moment and run again",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A device as adb lists it."""

    serial: str
    state: str

    @property
    def key(self) -> str:
        """A name that does not tell the serial number, the same each time."""
        return hashlib.sha256(self.serial.encode()).hexdigest()[:12]


def listed(server: Adb) -> list[Listed]:
    """Ask adb which devices there are, and start its server where it is not running.

    Raises:
        TransportError: If adb does not answer.
    """
    server.ask("start-server")
    said = server.ask("devices")
    if said.code:
        words = said.err.strip() or f"adb devices ended with {said.code}"
        msg = f"{words}; try adb kill-server"
        raise TransportError(msg)
    return parse_listing(said.out)


def parse_listing(text: str) -> list[Listed]:
    """Read what ``adb devices`` prints: a serial number, a tab, and the state in words."""
    rows = (line.partition("\t") for line in text.splitlines())
    return [Listed(serial=serial, state=state.strip()) for serial, tab, state in rows if tab]


def choose_devices(there: Sequence[Listed], serials: Sequence[str], *, every: bool) -> list[Listed]:
    """Return the devices to use; without a choice there must be one alone.

    Raises:
        UsageError: If it must be said which, or one that was named is not there.
        DeviceError: If there is none, or one of them cannot be used as it is.
    """
    if not there:
        msg = "no Android device; plug one in and allow USB debugging, or adb connect HOST:PORT"
        raise DeviceError(msg)
    known = {each.serial: each for each in there}
    names = ", ".join(known)
    if unknown := [serial for serial in serials if serial not in known]:
        msg = f"no device {unknown[0]}; adb lists {names}"
        raise UsageError(msg)
    if not serials and not every and len(there) > 1:
        msg = f"{len(there)} devices ({names}); name one or more with --serial, or --all"
        raise UsageError(msg)
    chosen = [known[serial] for serial in dict.fromkeys(serials)] or list(there)
    for each in chosen:
        if each.state != _READY:
            way_out = _WAYS_OUT.get(each.state, "bring it up to Android's home screen")
            msg = f"device {each.serial} is {each.state}; {way_out}"
            raise DeviceError(msg)
    return chosen
