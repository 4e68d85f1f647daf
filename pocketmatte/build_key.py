"""What decides an artifact's bytes, and its hash: an artifact whose key is the same is kept."""

import ast
import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import export
import tiers
from export.manifest import Weights
from export.recipe import RECIPES
from export.recipe import recipe as recipe_of
from export.targets import target
from pocketmatte.tolerances import limits
from tiers.contract_table import PROGRAMS, contracts
from tiers.spec import TierSpec

# Modules that name every network; what they say of one is in the key by itself: its spec, its
# tensors, the digest of its weights.
_TABLES = frozenset({"contract_table", "ladder", "official", "seeds"})
_TOOLS = ("torch", "onnx", "onnxscript", "onnxruntime", "coremltools", "executorch", "numpy")


def build_key(spec: TierSpec, program: str, recipe: str, form: str, weights: Weights) -> str:
    """Return the hash of all that decides an artifact's bytes."""
    parts: dict[str, object] = {
        "spec": dataclasses.asdict(spec),
        "recipe": dataclasses.asdict(recipe_of(recipe)),
        "metadata": file_metadata(spec, program, recipe, form, weights),
        "tools": tool_versions(form),
        "source": _source_digest(spec.network),
    }
    if not recipe_of(recipe).floating:
        parts["quantisation"] = quantisation_key(spec, recipe, weights)
    return _hashed(parts)


def quantisation_key(spec: TierSpec, recipe: str, weights: Weights) -> str:
    """Return the hash of all that decides what a tier is quantised with."""
    parts = {
        "spec": dataclasses.asdict(spec),
        "recipe": dataclasses.asdict(recipe_of(recipe)),
        "weights": weights.digest,
        "source": _source_digest(spec.network),
        "calibration": _calibration_digest(),
        "limits": dataclasses.asdict(limits(recipe)),
        "torch": _version("torch"),
    }
    return _hashed(parts)


def recording_key(spec: TierSpec, weights_digest: str) -> str:
    """Return the hash of all that decides a tier's reference trace: outputs, scene and limits."""
    folder = Path(__file__).parent
    played = [folder / "scene.py", folder / "pseudo_video.py", *(folder / "matting").glob("*.py")]
    return _hashed(
        {
            "spec": dataclasses.asdict(spec),
            "weights": weights_digest,
            "source": _source_digest(spec.network),
            "scene": [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(played)],
            "limits": {name: dataclasses.asdict(limits(name)) for name in RECIPES},
            "torch": _version("torch"),
        }
    )


def seeds_key(spec: TierSpec) -> str:
    """Return the hash of all that decides a row's seeded weights."""
    folder = Path(str(tiers.__file__)).parent
    own = [path for path in sources(spec.network) if folder in path.parents]
    return _hashed(
        {
            "spec": dataclasses.asdict(spec.oriented("landscape")),
            "source": [
                hashlib.sha256(path.read_bytes()).hexdigest()
                for path in (*own, folder / "seeds.py", folder / "contract_table.py")
            ],
            "torch": _version("torch"),
        }
    )


def environment() -> dict[str, str]:
    """Return what of a machine decides the bytes of artifacts: versions, and a hash of sources."""
    total = hashlib.sha256()
    for network in sorted(PROGRAMS):
        total.update(_source_digest(network).encode())
    total.update(_calibration_digest().encode())
    versions = {name: _version(name) for name in _TOOLS}
    return versions | {"pocketmatte source": total.hexdigest()}


@functools.cache
def _version(package: str) -> str:
    return metadata.version(package)


def _hashed(parts: Mapping[str, object]) -> str:
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
def tool_versions(form: str) -> dict[str, str]:
    """Return the versions of everything that takes part in an export to a format."""
    return {name: _version(name) for name in (*_TOOLS, *target(form).extra)}


@functools.cache
def _source_digest(network: str) -> str:
    total = hashlib.sha256()
    for path in sources(network):
        total.update(f"{path.parent.name}/{path.name}".encode() + path.read_bytes())
    return total.hexdigest()


@functools.cache
def _calibration_digest() -> str:
    """Return the hash of the code that calibrates tiers and plays networks over scenes."""
    folder = Path(__file__).parent
    single = ("scene", "pseudo_video", "segmentation_metrics", "signal_errors", "truth_errors")
    parts = [folder / f"{name}.py" for name in single]
    for name in ("quantisation", "matting", "training"):
        parts += (folder / name).glob("*.py")
    total = hashlib.sha256()
    for path in sorted(parts):
        total.update(f"{path.parent.name}/{path.name}".encode() + path.read_bytes())
    return total.hexdigest()


@functools.cache
def sources(network: str) -> list[Path]:
    """Return the code that takes part in an export of ``network``.

    All of ``export``, and of ``tiers`` what its rows and its modules import: a changed block makes
    the networks out of date that are built of it, and no others.
    """
    folder = Path(str(tiers.__file__)).parent
    found: set[Path] = set()
    waiting = {
        folder / "rows" / f"{network}.py",
        folder / "networks" / f"{network}.py",
        folder / "weights.py",
    }
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= {each for each in _imported(path, folder) if each not in found}
    return sorted(found | set(Path(str(export.__file__)).parent.rglob("*.py")))


def _imported(path: Path, folder: Path) -> Iterator[Path]:
    """Yield the modules of ``tiers`` that a file imports, the tables of all networks left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tiers."):
            module = folder.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
            if module.is_file() and module.stem not in _TABLES:
                yield module
