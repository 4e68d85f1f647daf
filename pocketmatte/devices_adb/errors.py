"""What goes wrong between this machine and a device."""

from tiers.errors import PocketMatteError


class DeviceError(PocketMatteError):
    """A device that is not there, will not do, or did not do what it was asked."""


class TransportError(DeviceError):
    """The way to the device broke; what was asked may be asked again."""


class StoppedError(Exception):
    """Ctrl-C fell while a device was at work: clean up and go."""
