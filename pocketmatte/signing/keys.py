"""Ed25519 keys as PEM files, the format of OpenSSL: made, read, named."""

import dataclasses
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tiers.errors import BundleError, UsageError

PASSPHRASE = "POCKETMATTE_KEY_PASSPHRASE"  # environment variable: an option would be seen by ps

_MOST_BYTES = 1 << 16  # a key takes 500
_PRIVATE_MODE, _PUBLIC_MODE = 0o600, 0o644
_OTHERS = 0o077  # permission bits of everybody but the owner
_END, _PUBLIC_END = ".pem", ".pub.pem"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A key pair on disk.

    Attributes:
        private: The file that signs.
        public: The file that checks.
        key_id: See ``key_id``.
        encrypted: Whether the private file takes a passphrase.
    """

    private: Path
    public: Path
    key_id: str
    encrypted: bool


def make_pair(private: Path) -> Pair:
    """Write a new private key, for its owner alone, and its public key beside it.

    The private file is encrypted where the environment holds a passphrase.

    Args:
        private: ``release.pem``; the public key becomes ``release.pub.pem``.

    Raises:
        UsageError: If one of the two exists, the folder does not, or the passphrase is empty.
        BundleError: If the disk refuses.
    """
    public = public_path(private)
    passphrase = _passphrase()
    for path in (private, public):
        if os.path.lexists(path):
            msg = f"{path} exists and a key is never overwritten; choose another name"
            raise UsageError(msg)
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase),
    )
    open_part = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write_new(private, secret, _PRIVATE_MODE)
    try:
        _write_new(public, open_part, _PUBLIC_MODE)
    except BaseException:  # a pair or nothing; nobody has seen the private key yet
        private.unlink()
        raise
    return Pair(
        private=private,
        public=public,
        key_id=key_id(key.public_key()),
        encrypted=passphrase is not None,
    )


def public_path(private: Path) -> Path:
    """Return where the public key of a new private key goes.

    Raises:
        UsageError: If the name is that of a public key.
    """
    if private.name.endswith(_PUBLIC_END):
        msg = f"{private} is named like a public key; name the private one, such as release.pem"
        raise UsageError(msg)
    return private.with_name(private.name.removesuffix(_END) + _PUBLIC_END)


def key_id(key: Ed25519PublicKey) -> str:
    """Return the sha256 of a public key as SubjectPublicKeyInfo in DER (RFC 8410)."""
    return hashlib.sha256(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).hexdigest()


def read_private(path: Path) -> Ed25519PrivateKey:
    """Read a private key, with the passphrase of the environment where it takes one.

    Raises:
        UsageError: If it cannot be read, is no Ed25519 private key, or does not open.
    """
    data = _read(path)
    try:
        key = _opened(path, data)
    except (ValueError, UnsupportedAlgorithm) as error:
        msg = f"{path} is no private key in PEM; make one with pocketmatte keygen"
        raise UsageError(msg) from error
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{path} is no Ed25519 key; make one with pocketmatte keygen"
        raise UsageError(msg)
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        UsageError: If it cannot be read or is no Ed25519 public key.
    """
    data = _read(path)
    if b"PRIVATE KEY" in data:
        msg = f"{path} is a private key, which only signs; give its public one, {_PUBLIC_END}"
        raise UsageError(msg)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        msg = f"{path} is no public key in PEM; give what pocketmatte keygen wrote as {_PUBLIC_END}"
        raise UsageError(msg) from error
    if not isinstance(key, Ed25519PublicKey):
        msg = f"{path} is no Ed25519 key; give the key of whoever signed the bundle"
        raise UsageError(msg)
    return key


def open_to_others(path: Path) -> bool:
    """Say whether others than its owner may read or write a file."""
    return bool(path.stat().st_mode & _OTHERS)


def _opened(path: Path, data: bytes) -> object:
    """Load a private key; the library says by ``TypeError`` that a passphrase is wanted."""
    try:
        return serialization.load_pem_private_key(data, password=None)
    except TypeError:
        passphrase = _passphrase()
    if passphrase is None:
        msg = f"{path} is encrypted; put its passphrase into the environment as {PASSPHRASE}"
        raise UsageError(msg)
    try:
        return serialization.load_pem_private_key(data, password=passphrase)
    except ValueError as error:
        msg = f"{path} does not open with the passphrase in {PASSPHRASE}; set the right one"
        raise UsageError(msg) from error


def _passphrase() -> bytes | None:
    text = os.environ.get(PASSPHRASE)
    if text == "":
        msg = f"{PASSPHRASE} is empty; set a passphrase, or unset it to go without"
        raise UsageError(msg)
    return None if text is None else os.fsencode(text)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        msg = f"key {path} cannot be read ({error.strerror}); check the path"
        raise UsageError(msg) from error
    if len(data) > _MOST_BYTES:
        msg = f"{path} is larger than {_MOST_BYTES} bytes and no key; check the path"
        raise UsageError(msg)
    return data


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that was not there; what is there is left alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        msg = f"could not make {path} ({error.strerror}); choose another place"
        raise UsageError(msg) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink()
        msg = f"could not write {path} ({error.strerror}); free some space or choose another place"
        raise BundleError(msg) from error
