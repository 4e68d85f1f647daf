"""What a bundle remembers from build to build, beside its other results: good only to save time."""

import json
from pathlib import Path
from typing import Any

from pocketmatte.results import FOLDER, write_results


class Memory:
    """One file of ``results/``, a JSON object; what is damaged or missing was never known.

    Args:
        root: The bundle.
        name: Of the file, without its ending.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name, self._changed = root, name, False
        try:
            held = json.loads((root / FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            held = None
        self._known: dict[str, Any] = held if isinstance(held, dict) else {}

    def get(self, key: str) -> Any:
        """Return what is known under a key, or ``None``."""
        return self._known.get(key)

    def put(self, key: str, value: Any) -> None:
        """Know something, that JSON can hold."""
        self._known[key], self._changed = value, True

    def save(self) -> None:
        """Write it, if there is something new.

        Raises:
            BundleError: If the disk refuses.
        """
        if self._changed:
            write_results(self._root, self._name, self._known)
            self._changed = False
