"""Digests of seeded weights, remembered: making the weights of a wide row takes seconds a row."""

import functools
from collections.abc import Iterable
from pathlib import Path

import pydantic

from export.manifest import Weights as WeightsEntry
from pocketmatte.build_key import seeds_key
from pocketmatte.bundle import described
from pocketmatte.farm.memory import Memory
from pocketmatte.pool import run_jobs
from pocketmatte.seeded_weights import seeded_weights
from tiers.spec import TierSpec

_SOON_MADE = 4  # rows: no more are made before other processes have imported PyTorch


class Seeds:
    """What ``results/seeds.json`` of a bundle remembers.

    An entry holds while the row, the code that makes its weights, and PyTorch are the same. The
    weights themselves are held to the digest by whoever captures.

    Args:
        root: The bundle.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._memory = root, Memory(root, "seeds")
        self.save = self._memory.save

    def entries(
        self, specs: Iterable[TierSpec], jobs: int = 1
    ) -> dict[tuple[str, str], WeightsEntry]:
        """Return the manifest's entries of rows' seeded weights, by network and tier.

        Args:
            specs: The rows, in any orientation.
            jobs: Processes to make in what is not remembered.

        Raises:
            WorkerError: If one dies.
        """
        rows = {(spec.network, spec.name): spec for spec in specs}
        found = {name: entry for name, spec in rows.items() if (entry := self._known(spec))}
        missing = [spec for name, spec in rows.items() if name not in found]
        at_once = jobs if len(missing) > _SOON_MADE else 1
        for spec, entry in run_jobs(functools.partial(_made, self._root), missing, at_once):
            self._memory.put(seeds_key(spec), entry.model_dump())
            found[spec.network, spec.name] = entry
        return found

    def _known(self, spec: TierSpec) -> WeightsEntry | None:
        try:
            known = WeightsEntry.model_validate(self._memory.get(seeds_key(spec)))
        except pydantic.ValidationError:
            return None
        return known if known.path is None and known.network == spec.network else None


def _made(root: Path, spec: TierSpec) -> tuple[TierSpec, WeightsEntry]:
    return spec, described(seeded_weights(root, spec))
