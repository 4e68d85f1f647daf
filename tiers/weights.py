"""From a weight file to a network: whole, or sliced from an elastic checkpoint.

An elastic checkpoint holds one set of convolution weights under ``shared.``, of the smallest
network that holds all trained tiers, and, for each of these, its own BatchNorm tensors under
``t01.`` ... ``t08.``; a tier's network is a slice of it. Any other file holds the state dict of one
architecture.
"""

import dataclasses
import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from tiers.blocks.elastic import slice_plan, take
from tiers.checkpoint import digest, read_safetensors
from tiers.envelope import envelope
from tiers.errors import CheckpointError
from tiers.ladder import ladder
from tiers.networks import build
from tiers.official import Differences, differences, expected_shapes, summary
from tiers.seeds import seeded
from tiers.spec import TierSpec

ELASTIC_FORMAT = "pocketmatte.elastic/1"
PLAIN_FORMAT = "pocketmatte.plain/1"

# What comes with the package: see ``Weights.sha256``; their cards are in docs/models.
SHIPPED: Mapping[str, str] = MappingProxyType(
    {
        "rvm": "65a92177852f61752c4a6297d061ad2b1d4e498ee783d8a9fde158cfa82af66a",
        "foreground": "566a3e912932e8a59fbd8c68b3fd55dc34d23c6986dffb41b58ba8ca82dc40fd",
        "scribble": "415ca17dfbf0129c45cbdadecad6f81ebd325c5c51a20af64ce41a8b4178d500",
        "propagation": "950e26d598d27e901de819f729b728dd314fc71513f514ac4bbdb61e65c56584",
        "fusion": "937531ca904c24c59b94f7027952a3cce666843cb69c34517a93e31dad1486e7",
        "trimap": "7c8bdd32a5935189b82e0d5ab1d1f302e436fa987d1aff34a8358f4c0a4ff90c",
        "stfam": "b5cc6cb9b7bae5d466905a5ee2d9590dd6086e7224db3193b11418b44c3b633e",
        "matanyone": "440474fb4f1fb5c6e64bfff255ed994cb55cae38a4a794b5222466a4dc62a220",
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Tensors with what is known of them.

    Attributes:
        network: The network they belong to.
        tensors: As stored.
        metadata: Of the file: format, origin, licence.
        sha256: Of names, shapes and values, see ``tiers.checkpoint.digest``.
    """

    network: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    sha256: str

    @property
    def origin(self) -> str:
        """One phrase for people and the manifest."""
        return self.metadata.get("origin", "unknown")

    @property
    def licence(self) -> str:
        """Licence of the weights, ``unknown`` where the file does not say."""
        return self.metadata.get("licence", "unknown")


def shipped_path(network: str) -> Path:
    """Return where the checkpoint that comes with the package lies."""
    return Path(str(resources.files("tiers") / "checkpoints" / f"{network}.safetensors"))


def load(path: Path, network: str) -> Weights:
    """Read a weight file of ours.

    Raises:
        CheckpointError: If it is corrupt, or of another network; an official file in PyTorch's
            format is refused with the command that imports it.
    """
    if path.suffix in {".pth", ".pt", ".ckpt"}:
        command = f"pocketmatte import {network} {path} --out FILE.safetensors"
        msg = f"{path} is a PyTorch file; first run: {command}"
        raise CheckpointError(msg)
    tensors, metadata = read_safetensors(path)
    if metadata.get("network", network) != network:
        msg = f"{path} holds weights of {metadata['network']}, not of {network}"
        raise CheckpointError(msg)
    return Weights(network=network, tensors=tensors, metadata=metadata, sha256=digest(tensors))


@functools.lru_cache(maxsize=1)  # the same row comes again, program by program
def untrained(spec: TierSpec) -> Weights:
    """Return seeded initial weights: good for proving a file's numbers, not for matting."""
    tensors = seeded(spec).state_dict()
    metadata = {
        "format": PLAIN_FORMAT,
        "network": spec.network,
        "origin": "untrained: seeded initial weights, no matting quality",
        "licence": "Apache-2.0",
    }
    return Weights(network=spec.network, tensors=tensors, metadata=metadata, sha256=digest(tensors))


def shipped(spec: TierSpec) -> Weights | None:
    """Return the shipped weights where they reach ``spec``, else ``None``.

    Raises:
        CheckpointError: If the shipped file is missing, damaged or was exchanged.
    """
    if spec.weights_of is None:
        return None
    weights = _shipped_weights(spec.network)
    return weights if weights is not None and spec.weights_of in rows_of(weights) else None


def shipped_rows(network: str) -> tuple[str, ...]:
    """Return the names of the rows that shipped weights reach, in the ladder's order.

    Raises:
        CheckpointError: If the shipped file is missing, damaged or was exchanged.
    """
    weights = _shipped_weights(network)
    trained = frozenset[str]() if weights is None else rows_of(weights)
    return tuple(spec.name for spec in ladder(network).values() if spec.weights_of in trained)


def _shipped_weights(network: str) -> Weights | None:
    expected = SHIPPED.get(network)
    if expected is None:
        return None
    path = shipped_path(network)
    weights = load(path, network)
    if weights.sha256 != expected:
        msg = (
            f"{path} is not what this version ships: its sha256 is {weights.sha256[:12]}..., not "
            f"{expected[:12]}...; install again, or give the file as --weights"
        )
        raise CheckpointError(msg)
    return weights


def rows_of(weights: Weights) -> frozenset[str]:
    """Return the rows that an elastic checkpoint has BatchNorm of: those that were trained."""
    return frozenset({key.partition(".")[0] for key in weights.tensors} - {"shared"})


def default(spec: TierSpec) -> Weights:
    """Return the shipped weights where they reach ``spec``, seeded initial ones elsewhere."""
    return shipped(spec) or untrained(spec)


def network_of(spec: TierSpec, weights: Weights) -> nn.Module:
    """Build the network of ``spec`` with ``weights``, in evaluation mode.

    Raises:
        CheckpointError: If the weights do not fit the tier; the message says which they fit or
            lists the missing, unexpected and wrong keys.
    """
    network = build(spec).eval()
    if weights.metadata.get("format") == ELASTIC_FORMAT:
        state = sliced(spec, network, weights)
    else:
        state = {key: value.float() if value.is_floating_point() else value
                 for key, value in weights.tensors.items()}  # fmt: skip
    wrong = differences(expected_shapes(network), state)
    if wrong:
        msg = _misfit(spec, weights, wrong)
        raise CheckpointError(msg)
    network.load_state_dict(state, strict=False)  # strict but for BatchNorm's step counters
    return network.requires_grad_(requires_grad=False)


def sliced(spec: TierSpec, network: nn.Module, weights: Weights) -> dict[str, Tensor]:
    """Return the state dict of ``spec`` cut from an elastic checkpoint, as fp32.

    Raises:
        CheckpointError: If the checkpoint does not reach the tier, has other full shapes, or keys
            that no elastic checkpoint of the network has.
    """
    with torch.device("meta"):
        whole = build(whole_of(weights))
    full = expected_shapes(whole)
    _require_known(spec, weights, full)
    source = spec.weights_of
    own = f"{source}."
    if source is None or not any(key.startswith(own) for key in weights.tensors):
        reached = ", ".join(sorted(rows_of(weights)))
        msg = (
            f"the elastic checkpoint reaches {reached}, not {spec.name}; "
            "give weights of its own architecture"
        )
        raise CheckpointError(msg)
    plan = slice_plan(whole, network)
    state = {
        key.removeprefix(own): value
        for key, value in weights.tensors.items()
        if key.startswith(own)
    }
    for key, index in plan.items():
        shared = weights.tensors.get(f"shared.{key}")
        if shared is None:
            continue  # the caller names what is missing
        if shared.shape != full[key]:
            msg = (
                f"shared.{key} of the elastic checkpoint is {tuple(shared.shape)}, "
                f"not {full[key]}; it was trained with another ladder: train it again"
            )
            raise CheckpointError(msg)
        state[key] = take(shared, index).clone()
    return {key: value.float() if value.is_floating_point() else value
            for key, value in state.items()}  # fmt: skip


def own_rows(network: str) -> dict[str, TierSpec]:
    """Return the rows that have weights of their own in an elastic checkpoint, narrowest first."""
    return {name: spec for name, spec in ladder(network).items() if spec.weights_of == name}


def whole_of(weights: Weights) -> TierSpec:
    """Return the row, of no ladder, that an elastic checkpoint's shared weights are of."""
    rows, trained = own_rows(weights.network), rows_of(weights)
    return envelope([spec for name, spec in rows.items() if name in trained] or [*rows.values()])


def full_tier(network: str) -> str:
    """Return the widest row of an elastic network."""
    return [*own_rows(network)][-1]


def _require_known(spec: TierSpec, weights: Weights, full: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse keys that are neither shared weights of the full layout nor a tier's own."""
    rows = ladder(spec.network)
    unknown = []
    for key in weights.tensors:
        owner, _, name = key.partition(".")
        if not (name in full if owner == "shared" else name and owner in rows):
            unknown.append(key)
    if unknown:
        msg = (
            f"not an elastic checkpoint of {spec.network}: {summary({'unexpected': unknown})}; "
            "it was trained with another network or ladder: train it again"
        )
        raise CheckpointError(msg)


def _misfit(spec: TierSpec, weights: Weights, wrong: Differences) -> str:
    fits = []
    for row in ladder(spec.network).values():
        with torch.device("meta"):
            expected = expected_shapes(build(row))
        if not differences(expected, weights.tensors):
            fits.append(row.name)
    if fits:
        return f"these weights fit {', '.join(fits)}, not {spec.name}; choose one of those tiers"
    return f"these weights are of no tier of {spec.network}: {summary(wrong)}"
