"""What decides an artifact's bytes, and its hash: an artifact whose key is the same is kept."""

import dataclasses
import functools
import hashlib
import json
from importlib import metadata
from pathlib import Path

import export
import tiers
from export.manifest import Weights
from export.recipe import recipe as recipe_of
from tiers.contract import contracts
from tiers.spec import TierSpec

_TOOLS = ("torch", "onnx", "onnxscript", "onnxruntime", "coremltools", "executorch", "numpy")


def build_key(spec: TierSpec, program: str, recipe: str, form: str, weights: Weights) -> str:
    """Return the hash of all that decides an artifact's bytes."""
    parts = {
        "spec": dataclasses.asdict(spec),
        "recipe": dataclasses.asdict(recipe_of(recipe)),
        "metadata": file_metadata(spec, program, recipe, form, weights),
        "tools": tool_versions(),
        "source": _source_digest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_metadata(
    spec: TierSpec, program: str, recipe: str, form: str, weights: Weights
) -> dict[str, str]:
    """Return what is written into the file itself."""
    contract = next(c for c in contracts(spec) if c.name == program)
    facts = {
        "network": spec.network,
        "tier": spec.name,
        "program": program,
        "recipe": recipe,
        "format": form,
        "frame_hw": "x".join(str(side) for side in spec.output_hw),
        "working_hw": "x".join(str(side) for side in spec.working_hw),
        "colour": "RGB 0..1",
        "states": json.dumps({pair.input: pair.output for pair in contract.states}),
        "weights_digest": weights.digest,
        "weights_origin": weights.origin,
        "weights_licence": weights.licence,
    }
    return {f"pocketmatte.{key}": value for key, value in facts.items()}


@functools.cache
def tool_versions() -> dict[str, str]:
    """Return the versions of everything that takes part in an export."""
    return {name: metadata.version(name) for name in _TOOLS}


@functools.cache
def _source_digest() -> str:
    total = hashlib.sha256()
    for package in (tiers, export):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()
