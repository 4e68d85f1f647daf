"""Digests of seeded weights, remembered: making the weights of a wide row takes seconds a row."""

from pathlib import Path

import pydantic

from export.manifest import Weights as WeightsEntry
from pocketmatte.build_key import seeds_key
from pocketmatte.bundle import described
from pocketmatte.farm.memory import Memory
from tiers.spec import TierSpec
from tiers.weights import untrained


class Seeds:
    """What ``results/seeds.json`` of a bundle remembers.

    An entry holds while the row, the code that makes its weights, and PyTorch are the same. The
    weights themselves are made, and held to the digest, by whoever captures.

    Args:
        root: The bundle.
    """

    def __init__(self, root: Path) -> None:
        self._memory = Memory(root, "seeds")
        self.save = self._memory.save

    def entry(self, spec: TierSpec) -> WeightsEntry:
        """Return the manifest's entry of a row's seeded weights."""
        key = seeds_key(spec)
        try:
            known = WeightsEntry.model_validate(self._memory.get(key))
        except pydantic.ValidationError:
            known = None
        if known is not None and known.path is None and known.network == spec.network:
            return known
        found = described(untrained(spec))
        self._memory.put(key, found.model_dump())
        return found
