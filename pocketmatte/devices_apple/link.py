"""What a run needs of a phone or of a simulator, whichever tool reaches it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class AppleLink(Protocol):
    """One device with the app on it; all methods raise ``DeviceError`` where the device fails."""

    @property
    def key(self) -> str:
        """A name that does not tell the device's identifier, the same each time."""
        ...

    @property
    def model(self) -> str | None:
        """Its marketing name, such as ``iPhone 16``."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether it is a simulator, whose results must say so."""
        ...

    def copy_in(self, local: Path, remote: str) -> None:
        """Copy a folder to a path in the app's container."""
        ...

    def copy_out(self, remote: str, local: Path) -> None:
        """Copy a file of the app's container."""
        ...

    def launch(self, words: Sequence[str], seconds: float) -> None:
        """Run the app with arguments, and wait until it ends."""
        ...
