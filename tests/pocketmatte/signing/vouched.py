"""A small bundle with one entry of every kind, and keys that sign it."""

import dataclasses
from pathlib import Path

import torch
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from export.artifact import sha256_of, size_bytes_of
from export.manifest import Artifact, Package, ReferenceTrace, read_manifest, write_manifest
from pocketmatte.bundle import place_weights
from tests.adb.small_bundle import write_bundle
from tiers.checkpoint import digest
from tiers.weights import PLAIN_FORMAT, Weights

TIER = "rvm/t01"
FOLDER, PACKAGE = f"{TIER}/matte-fp16.mlpackage", f"{TIER}/all-fp16.mlpackage"
FILE = f"{TIER}/matte-fp32.pte"
RECORD = f"{TIER}/quantisation-w8a8.json"
TRACE = "traces/rvm/t01"


@dataclasses.dataclass(frozen=True)
class Keys:
    """A key pair on disk."""

    private: Path
    public: Path


def write_keys(folder: Path, seed: int) -> Keys:
    """Write the key pair of a seed."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    keys = Keys(folder / f"{seed}.pem", folder / f"{seed}.pub.pem")
    keys.private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    keys.private.chmod(0o600)
    keys.public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return keys


def write_small(root: Path, origin: str = "seeded for a test") -> Path:
    """Write a bundle that nothing runs: files, folders, a package, a trace, a record, weights.

    Args:
        root: A folder that is not there yet.
        origin: Of the weights; another origin makes another manifest.
    """
    write_bundle(root)
    tensors = {"weight": torch.arange(6.0)}
    weights = place_weights(
        root,
        Weights(
            network="rvm",
            tensors=tensors,
            metadata={"format": PLAIN_FORMAT, "origin": origin, "licence": "Apache-2.0"},
            sha256=digest(tensors),
        ),
    )
    for folder in (FOLDER, PACKAGE):
        (root / folder / "Data").mkdir(parents=True)
        (root / folder / "Manifest.json").write_text("{}\n")
        (root / folder / "Data" / "weight.bin").write_bytes(f"weights of {folder}".encode())
    (root / RECORD).write_text('{"spans": []}\n')
    (root / TIER / f".{Path(RECORD).name}.lock").touch()
    (root / ".lock").touch()
    before = read_manifest(root)
    made = {"weights_digest": weights.digest, "tools": {"torch": "2.13.0+cpu", "onnx": "1.23.2"}}
    artifacts = [
        entry.model_copy(
            update=made | {"notes": {"quantisation": RECORD} if entry.recipe == "w8a8" else {}}
        )
        for entry in before.artifacts
    ]
    folder_entry = artifacts[0].model_copy(
        update={"path": FOLDER, "recipe": "fp16", "format": "coreml", **_measured(root, FOLDER)}
    )
    whole = before.model_copy(
        update={
            "weights": [weights],
            "artifacts": [*artifacts, folder_entry],
            "packages": [_package(root, folder_entry)],
            "traces": [_trace(root, weights.digest)],
        }
    )
    write_manifest(root, whole)
    return root


def flip(path: Path, position: int = 0, bits: int = 1) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= bits
    path.write_bytes(data)


def _measured(root: Path, path: str) -> dict[str, object]:
    return {"sha256": sha256_of(root / path), "size_bytes": size_bytes_of(root / path)}


def _package(root: Path, source: Artifact) -> Package:
    return Package(
        path=PACKAGE,
        network="rvm",
        tier="t01",
        recipe="fp16",
        minimum_runtime="iOS 18",
        sha256=sha256_of(root / PACKAGE),
        size_bytes=size_bytes_of(root / PACKAGE),
        functions={"matte": source.path},
        default="matte",
        weights_digest=source.weights_digest,
        tools={"coremltools": "9.0", "export.packing": "0123456789ab"},
        build_key="2" * 64,
    )


def _trace(root: Path, weights_digest: str) -> ReferenceTrace:
    return ReferenceTrace(
        path=TRACE,
        network="rvm",
        tier="t01",
        orientation="landscape",
        frames=8,
        sha256=sha256_of(root / TRACE),
        size_bytes=size_bytes_of(root / TRACE),
        weights_digest=weights_digest,
    )
