"""Vouch for a bundle: its bill of materials and its signature."""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from export.artifact import sha256_of, write_text
from export.manifest import FILE_NAME as MANIFEST
from pocketmatte.build import locked
from pocketmatte.bundle import read_bundle
from pocketmatte.signing.bom import FILE_NAME as BOM
from pocketmatte.signing.bom import bom_text
from pocketmatte.signing.bom_parts import Contents
from pocketmatte.signing.check import Finding
from pocketmatte.signing.holdings import holding_faults
from pocketmatte.signing.keys import key_id
from pocketmatte.signing.listing import listing
from pocketmatte.signing.signature import write_signature


def sign(root: Path, key: Ed25519PrivateKey) -> Finding:
    """Write ``bom.cdx.json`` and ``manifest.sig`` of a bundle that is what its manifest says.

    With a fault nothing is written. What the files compute is not looked at; that is
    ``pocketmatte verify``.

    Args:
        root: The bundle; no build may be at work in it.
        key: Of whoever vouches.

    Raises:
        BundleError: If the manifest is missing, broken or empty, or the disk refuses.
        UsageError: If a build is at work in the bundle.
    """
    identity = key_id(key.public_key())
    read_bundle(root)  # before a lock is made in what may be no bundle
    if faults := listing(root).faults:  # a lock that is a link would be written through
        return Finding(key_id=identity, faults=faults)
    with locked(root):
        return _sign(root, key, identity)


def _sign(root: Path, key: Ed25519PrivateKey, identity: str) -> Finding:
    manifest = read_bundle(root)
    found = listing(root)
    if faults := found.faults or tuple(holding_faults(root, manifest, found)):
        return Finding(key_id=identity, faults=faults)
    covered = sorted(found.files.keys() - {BOM})
    hashes = {path: sha256_of(root / path) for path in covered}
    sizes = {path: found.files[path] for path in covered}
    text = bom_text(manifest, Contents(sha256=hashes, size_bytes=sizes, paths=covered))
    write_text(root / BOM, text)
    data = text.encode()
    files = hashes | {BOM: hashlib.sha256(data).hexdigest()}
    write_signature(root, key, files)
    return Finding(
        key_id=identity,
        manifest_sha256=hashes[MANIFEST],
        files=len(files),
        size_bytes=sum(sizes.values()) + len(data),
    )
