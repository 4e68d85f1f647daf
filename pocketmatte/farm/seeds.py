"""Digests of seeded weights, remembered: making the weights of a wide row takes seconds a row."""

import json
from pathlib import Path

from export.manifest import Weights as WeightsEntry
from pocketmatte.build_key import seeds_key
from pocketmatte.bundle import described
from pocketmatte.results import FOLDER, write_results
from tiers.spec import TierSpec
from tiers.weights import untrained

_NAME = "seeds"


class Seeds:
    """What ``results/seeds.json`` of a bundle remembers.

    An entry holds while the row, the code that makes its weights, and PyTorch are the same. The
    weights themselves are made, and held to the digest, by whoever captures.

    Args:
        root: The bundle.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._changed = root, False
        self._known: dict[str, WeightsEntry] = {}
        try:
            held = json.loads((root / FOLDER / f"{_NAME}.json").read_text(encoding="utf-8"))
            self._known = {
                str(key): WeightsEntry.model_validate(each) for key, each in held["rows"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # what is not remembered is made

    def entry(self, spec: TierSpec) -> WeightsEntry:
        """Return the manifest's entry of a row's seeded weights."""
        key = seeds_key(spec)
        known = self._known.get(key)
        if known is not None and known.path is None and known.network == spec.network:
            return known
        found = described(untrained(spec))
        self._known[key], self._changed = found, True
        return found

    def save(self) -> None:
        """Remember them, if there is something new.

        Raises:
            BundleError: If the disk refuses.
        """
        if self._changed:
            rows = {key: entry.model_dump() for key, entry in self._known.items()}
            write_results(self._root, _NAME, {"rows": rows})
