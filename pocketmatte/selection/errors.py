"""What is wrong with a table of devices."""

from tiers.errors import PocketMatteError


class DeviceTableError(PocketMatteError):
    """A device table that cannot be read or contradicts itself; the message names row and field."""
