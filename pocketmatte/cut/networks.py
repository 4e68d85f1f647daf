"""The networks of a run, each at its own tier, in PyTorch or from the files of a bundle."""

import contextlib
import dataclasses
import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from export.artifact import sha256_of
from export.manifest import FILE_NAME
from export.targets import target
from pocketmatte.protocols.opening import bundle_tier, torch_tier
from pocketmatte.protocols.protocol import OpenTier
from tiers.errors import UsageError
from tiers.ladder import LADDERS, ladder, tier
from tiers.spec import Orientation

DEFAULT_TIER = "t04"
# runtime -> the distribution whose version decides its numbers
_DISTRIBUTIONS = MappingProxyType({"onnxruntime": "onnxruntime", "executorch": "executorch"})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What runs the networks.

    Attributes:
        tiers: Network -> tier, of those that are not at ``tier``.
        tier: Of all others.
        weights: Network -> weight file; the shipped weights of all others.
        bundle: Take files from here; ``None`` for PyTorch.
        form: Format of the files.
        recipe: Of the files.
        threads: Of every runtime.
    """

    tiers: Mapping[str, str]
    tier: str
    weights: Mapping[str, Path]
    bundle: Path | None
    form: str
    recipe: str
    threads: int


class Networks:
    """Opens each network once, when it is first asked for.

    Args:
        chosen: What runs them.
        orientation: Of the video.
        stack: Closes them.
        watched: What becomes of a network that was opened: it may see what is run.
    """

    def __init__(
        self,
        chosen: Chosen,
        orientation: Orientation,
        stack: contextlib.ExitStack,
        watched: Callable[[OpenTier], OpenTier] = lambda opened: opened,
    ) -> None:
        self._chosen, self._orientation, self._stack = chosen, orientation, stack
        self._watched = watched
        self._open: dict[str, OpenTier] = {}

    def __getitem__(self, network: str) -> OpenTier:
        """Return a network, open.

        Raises:
            PocketMatteError: If weights, bundle, file or runtime will not do.
        """
        if network not in self._open:
            opened = self._stack.enter_context(self._opening(network))
            self._open[network] = self._watched(opened)
        return self._open[network]

    @property
    def facts(self) -> dict[str, object]:
        """What was opened and decides numbers: tiers, weights, and what runs them."""
        chosen = self._chosen
        how: dict[str, object] = {"threads": chosen.threads, "runtime": "torch"}
        distribution = "torch"
        if chosen.bundle is not None:
            runtime = target(chosen.form).runtime
            how |= {"runtime": runtime, "format": chosen.form, "recipe": chosen.recipe}
            how["bundle"] = sha256_of(chosen.bundle / FILE_NAME)
            distribution = _DISTRIBUTIONS.get(runtime, "torch")
        opened = {
            name: {"tier": each.spec.name, "weights": each.weights.digest}
            for name, each in sorted(self._open.items())
        }
        return {**how, "version": importlib.metadata.version(distribution), "networks": opened}

    def _opening(self, network: str) -> contextlib.AbstractContextManager[OpenTier]:
        chosen = self._chosen
        spec = tier(network, chosen.tiers.get(network, chosen.tier)).oriented(self._orientation)
        if spec.output_hw[0] == spec.output_hw[1]:  # one file serves however the phone is held
            spec = spec.oriented("landscape")
        if chosen.bundle is None:
            weights = chosen.weights.get(network)
            return torch_tier(spec, weights=weights, threads=chosen.threads)
        return bundle_tier(
            spec,
            bundle=chosen.bundle,
            form=chosen.form,
            recipe=chosen.recipe,
            threads=chosen.threads,
        )


def parse_tiers(text: str) -> tuple[str, dict[str, str]]:
    """Read ``--tier``: one tier for all, tiers by network, or both: ``t04,stfam=t02``.

    Returns:
        The tier of all networks that are not named, and the tiers of those that are.

    Raises:
        UsageError: If a network or a tier does not exist, or two are given of one.
    """
    rest: str | None = None
    named: dict[str, str] = {}
    for part in text.split(","):
        network, equals, name = part.strip().partition("=")
        if equals:
            tier(network, name)
            if named.setdefault(network, name) != name:
                msg = f"--tier names {network} twice, {named[network]} and {name}; name it once"
                raise UsageError(msg)
        else:
            tier("propagation", network)
            if rest not in (None, network):
                msg = f"--tier is both {rest} and {network}; name the networks: NETWORK=TIER"
                raise UsageError(msg)
            rest = network
    return rest or DEFAULT_TIER, named


def parse_weights(words: list[str]) -> dict[str, Path]:
    """Read ``--weights NETWORK=FILE``.

    Raises:
        UsageError: If a network does not exist or is named twice.
    """
    named: dict[str, Path] = {}
    for word in words:
        network, equals, path = word.partition("=")
        if not equals or not path:
            msg = f"--weights {word}: give NETWORK=FILE, of {', '.join(LADDERS)}"
            raise UsageError(msg)
        ladder(network)
        if network in named:
            msg = f"--weights names {network} twice; name it once"
            raise UsageError(msg)
        named[network] = Path(path)
    return named
