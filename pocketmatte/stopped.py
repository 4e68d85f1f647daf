"""How a run ends that the user stopped."""

from tiers.errors import PocketMatteError


class StoppedError(PocketMatteError):
    """Ctrl-C, where something is left to go on with; the message says how. Exits 130."""
