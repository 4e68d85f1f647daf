"""Whether a bundle is, file by file, what a key vouched for."""

import dataclasses
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from export.artifact import sha256_of
from export.manifest import FILE_NAME as MANIFEST
from pocketmatte.signing.keys import key_id
from pocketmatte.signing.listing import listing, shown
from pocketmatte.signing.signature import FILE_NAME, read_signature, require_made_with, short
from tiers.errors import BundleError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What signing or checking a bundle came to.

    Attributes:
        key_id: Of the key.
        manifest_sha256: Of the manifest that is signed; ``None`` where that is not known.
        files: How many files are covered.
        size_bytes: Of these.
        faults: A line each; with one of them the bundle is refused.
    """

    key_id: str
    manifest_sha256: str | None = None
    files: int = 0
    size_bytes: int = 0
    faults: tuple[str, ...] = ()


def check(root: Path, key: Ed25519PublicKey) -> Finding:
    """Hold the signature of a bundle, and then every file in it, against a key.

    The signature comes first: nothing is read of a bundle that is not signed by the key. What its
    files compute is not looked at.

    Args:
        root: The bundle.
        key: Of whom to trust.
    """
    identity = key_id(key)
    try:
        signature = read_signature(root)
        require_made_with(signature, key)
    except BundleError as error:
        return Finding(key_id=identity, faults=(str(error),))
    found = listing(root)
    faults = [*found.faults]
    for path, sha256 in signature.files.items():
        if path not in found.files:
            faults.append(f"{shown(path)}: signed, but missing")
        elif wrong := _changed(root, path, sha256):
            faults.append(wrong)
    faults += [
        f"{shown(path)}: not signed; remove it, or find out who put it there"
        for path in found.files
        if path not in signature.files
    ]
    return Finding(
        key_id=identity,
        manifest_sha256=signature.files[MANIFEST],
        files=len(signature.files),
        size_bytes=sum(found.files.get(path, 0) for path in signature.files),
        faults=tuple(sorted(faults)),
    )


def stale(root: Path) -> str | None:
    """Return what to do where a bundle's signature is not of its manifest, or ``None``.

    Nothing is trusted here: for whoever has just built, packed or recorded.
    """
    try:
        signed = read_signature(root).files[MANIFEST]
    except BundleError:
        return None
    if (root / MANIFEST).is_file() and sha256_of(root / MANIFEST) == signed:
        return None
    return f"{FILE_NAME} is of another state of the bundle; run pocketmatte sign again"


def _changed(root: Path, path: str, sha256: str) -> str | None:
    try:
        now = sha256_of(root / path)
    except OSError as error:
        return f"{shown(path)}: cannot be read ({error.strerror})"
    if now == sha256:
        return None
    line = f"{shown(path)}: its sha256 is {short(now)}, signed was {short(sha256)}"
    return f"{line}: it changed since it was signed"
