"""The bundle's manifest: what every file of a build is, in one JSON file.

It holds no timestamp, no absolute path and nothing random: the same inputs give the same text.
What was measured lies beside it, see ``docs/decisions``.
"""

import json
import textwrap
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from export.artifact import inside, write_text
from export.model_file import read_model
from tiers.contract import ProgramContract
from tiers.errors import MissingBundleError

FILE_NAME = "manifest.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Tensor(_Model):
    """One input or output as the file holds it."""

    name: str
    shape: list[int]
    dtype: Literal["float32", "float16"]
    low: float | None
    high: float | None
    meaning: str


class State(_Model):
    """A state input, the output that replaces it, and its value before the first frame."""

    input: str
    output: str
    reset: float


class Frame(_Model):
    """How a camera frame becomes the program's input."""

    output_hw: list[int]
    working_hw: list[int]
    orientation: Literal["landscape", "portrait"]
    colour_order: Literal["RGB"]
    low: float
    high: float


class Weights(_Model):
    """A weight file of the bundle and where its numbers come from."""

    path: str | None  # None: made from a seed, no file needed
    network: str
    digest: Sha256
    origin: str
    licence: str


class Artifact(_Model):
    """One exported program."""

    path: str
    network: str
    tier: str
    program: str
    format: str
    recipe: str
    sha256: Sha256
    size_bytes: int
    frame: Frame
    inputs: list[Tensor]
    outputs: list[Tensor]
    states: list[State]
    weights_digest: Sha256
    tools: dict[str, str]
    notes: dict[str, pydantic.JsonValue]
    build_key: Sha256


class Package(_Model):
    """Several Core ML artifacts of one tier as the functions of one, its weights stored once."""

    path: str
    network: str
    tier: str
    recipe: str
    minimum_runtime: Literal["iOS 18"]
    sha256: Sha256
    size_bytes: int
    functions: dict[str, str]  # path of the artifact that each was made from
    default: str  # the function that runs where an app names none
    weights_digest: Sha256
    tools: dict[str, str]
    build_key: Sha256


class ReferenceTrace(_Model):
    """What PyTorch was given and gave, frame after frame; see ``export.trace``."""

    path: str  # of its folder
    network: str
    tier: str
    orientation: Literal["landscape", "portrait"]
    frames: int
    sha256: Sha256
    size_bytes: int
    weights_digest: Sha256
    recording_key: Sha256 | None = None  # hash of all that decides it; of older bundles none


class Manifest(_Model):
    """A whole bundle."""

    schema_version: Literal[1]
    pocketmatte: str
    weights: list[Weights]
    artifacts: list[Artifact]
    packages: list[Package] = []
    traces: list[ReferenceTrace] = []


def contract_tensors(
    contract: ProgramContract, dtype: Literal["float32", "float16"]
) -> tuple[list[Tensor], list[Tensor], list[State]]:
    """Return a contract's inputs, outputs and states as the manifest writes them."""
    inputs, outputs = (
        [
            Tensor(name=t.name, shape=list(t.shape), dtype=dtype, low=t.low, high=t.high,
                   meaning=t.meaning)
            for t in tensors
        ]
        for tensors in (contract.inputs, contract.outputs)
    )  # fmt: skip
    states = [State(input=s.input, output=s.output, reset=s.reset) for s in contract.states]
    return inputs, outputs, states


def read_manifest(root: Path) -> Manifest:
    """Read and check a bundle's manifest.

    Raises:
        MissingBundleError: If there is none.
        BundleError: If it is no manifest, of another schema version, or names a path outside the
            bundle.
    """
    path = root / FILE_NAME
    if not path.exists():
        msg = f"{root} holds no {FILE_NAME}; give the folder that pocketmatte build wrote"
        raise MissingBundleError(msg)
    manifest = read_model(path, Manifest, "manifest", "build it again")
    for relative in (
        *(entry.path for entry in manifest.artifacts),
        *(entry.path for entry in manifest.weights if entry.path is not None),
        *(package.path for package in manifest.packages),
        *(trace.path for trace in manifest.traces),
        *(path for package in manifest.packages for path in package.functions.values()),
    ):
        inside(root, relative)
    return manifest


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write a bundle's manifest whole or not at all, in the order of paths."""
    ManifestWriter().write(root, manifest)


class ManifestWriter:
    """Writes a manifest that grows, as ``write_manifest`` does.

    Entries that it wrote before are not put into words again, which of a thousand files takes
    longer than a build may take after each job.
    """

    def __init__(self) -> None:
        self._texts: dict[int, tuple[BaseModel, str]] = {}  # by identity, and what keeps it alive

    def write(self, root: Path, manifest: Manifest) -> None:
        """Write it whole or not at all."""
        lists: dict[str, Sequence[BaseModel]] = {
            "artifacts": sorted(manifest.artifacts, key=attrgetter("path")),
            "packages": sorted(manifest.packages, key=attrgetter("path")),
            "traces": sorted(manifest.traces, key=attrgetter("path")),
            "weights": sorted(manifest.weights, key=attrgetter("network", "digest")),
        }
        rest = manifest.model_dump(mode="json", exclude=set(lists))
        texts = {name: json.dumps(value) for name, value in rest.items()}
        texts |= {name: self._listed(entries) for name, entries in lists.items()}
        lines = ",\n".join(f" {json.dumps(name)}: {texts[name]}" for name in sorted(texts))
        write_text(root / FILE_NAME, f"{{\n{lines}\n}}\n")

    def _listed(self, entries: Sequence[BaseModel]) -> str:
        if not entries:
            return "[]"
        return "[\n" + ",\n".join(self._text(entry) for entry in entries) + "\n ]"

    def _text(self, entry: BaseModel) -> str:
        known = self._texts.get(id(entry))
        if known is None:
            text = json.dumps(entry.model_dump(mode="json"), indent=1, sort_keys=True)
            known = self._texts[id(entry)] = (entry, textwrap.indent(text, "  "))
        return known[1]


def schema_text() -> str:
    """Return the JSON Schema that ``docs/manifest.schema.json`` holds."""
    return json.dumps(Manifest.model_json_schema(), indent=1, sort_keys=True) + "\n"
