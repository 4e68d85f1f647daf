"""The signature file: what is vouched for, by which key, in lines that other tools read too.

``manifest.sig`` is the text below; its last line is the Ed25519 signature (RFC 8032) of all bytes
before it. The lines of files are those of ``sha256sum``, in the order of paths.

    pocketmatte signature 1
    algorithm: ed25519
    key: <sha256 of the public key, see keys.key_id>
    <sha256>  <path>
    signature: <base64>
"""

import base64
import binascii
import dataclasses
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from export.artifact import write_text
from export.manifest import FILE_NAME as MANIFEST
from pocketmatte.signing.keys import key_id
from tiers.errors import BundleError

FILE_NAME = "manifest.sig"

# The first line keeps what is signed here from ever being taken for what another program, or
# another version of this format, signs with the same key.
_TITLE = "pocketmatte signature "
_VERSION = "1"
_ALGORITHM = "algorithm: ed25519"
_LAST = re.compile(r"signature: (?P<value>[A-Za-z0-9+/]{86}==)\n")
_LISTED = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<path>.+)")
_KEY = re.compile(r"key: (?P<id>[0-9a-f]{64})")
# of 100,000 files with long names; the whole file is held in memory
_MOST_BYTES = 1 << 25
_SHOWN = 12  # characters of a hash in a message

_DAMAGED = "take the bundle anew from whoever signed it"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What a signature file says; nothing of it counts before ``require_made_with``.

    Attributes:
        key_id: Of the key that it names.
        files: Sha256 of every file, by path inside the bundle.
        signed: The bytes that are signed.
        value: The signature of these.
    """

    key_id: str
    files: Mapping[str, str]
    signed: bytes
    value: bytes


def write_signature(root: Path, key: Ed25519PrivateKey, files: Mapping[str, str]) -> None:
    """Sign the files of a bundle; write the signature whole or not at all.

    Args:
        root: The bundle.
        key: Whoever vouches.
        files: Sha256 of every file, by path inside the bundle; the manifest is among them.

    Raises:
        BundleError: If a path cannot be told in a line, or the disk refuses.
    """
    for path in files:
        if not path.isprintable():
            msg = f"path {path!a} holds what cannot be printed; build the bundle again"
            raise BundleError(msg)
    text = _text(key_id(key.public_key()), files)
    value = base64.b64encode(key.sign(text.encode())).decode()
    write_text(root / FILE_NAME, f"{text}signature: {value}\n")


def read_signature(root: Path) -> Signature:
    """Read the signature file of a bundle.

    Raises:
        BundleError: If there is none, or it is not exactly of the format.
    """
    path = root / FILE_NAME
    data = _bytes(path)
    title = f"{_TITLE}{_VERSION}\n".encode()
    if not data.startswith(title):
        found = data.split(b"\n", 1)[0][:40]
        msg = (
            f"{path} begins with {found!r}, not with {title[:-1]!r}: it is damaged or of another "
            f"version; {_DAMAGED}"
        )
        raise BundleError(msg)
    signature = _parsed(data)
    if signature is None:
        msg = f"{path} is cut short or damaged; {_DAMAGED}"
        raise BundleError(msg)
    if MANIFEST not in signature.files:
        msg = f"{path} does not list {MANIFEST}; {_DAMAGED}"
        raise BundleError(msg)
    return signature


def require_made_with(signature: Signature, key: Ed25519PublicKey) -> None:
    """Refuse a signature that a key did not make.

    Raises:
        BundleError: If another key is named in it, or it does not fit what it signs.
    """
    expected = key_id(key)
    if signature.key_id != expected:
        msg = (
            f"{FILE_NAME} is of key {short(signature.key_id)}, not of {short(expected)}; "
            "give the key of whoever should have signed, or do not use the bundle"
        )
        raise BundleError(msg)
    try:
        key.verify(signature.value, signature.signed)
    except InvalidSignature as error:
        msg = f"{FILE_NAME} was changed after it was signed, or its key never signed it; {_DAMAGED}"
        raise BundleError(msg) from error


def short(sha256: str) -> str:
    """Return a hash as messages show it."""
    return f"{sha256[:_SHOWN]}..."


def _text(key: str, files: Mapping[str, str]) -> str:
    """Return what is signed."""
    lines = [f"{_TITLE}{_VERSION}", _ALGORITHM, f"key: {key}"]
    lines += [f"{files[path]}  {path}" for path in sorted(files)]
    return "".join(f"{line}\n" for line in lines)


def _bytes(path: Path) -> bytes:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            msg = f"{path} is a link or a folder, no signature; {_DAMAGED}"
            raise BundleError(msg)
        if found.st_size > _MOST_BYTES:
            msg = f"{path} has {found.st_size} bytes, a signature at most {_MOST_BYTES}; {_DAMAGED}"
            raise BundleError(msg)
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"{path.parent} holds no {FILE_NAME}: it is not signed; {_DAMAGED}, or sign it"
        raise BundleError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); check its rights"
        raise BundleError(msg) from error


def _parsed(data: bytes) -> Signature | None:
    """Return what the bytes say, or ``None`` where they are not the one way to say it."""
    try:
        text = data.decode()
        signed, _, _ = text.rpartition("signature: ")
        last = _LAST.fullmatch(text, len(signed))
        lines = signed.split("\n")
        key = _KEY.fullmatch(lines[2])
        listed = [_LISTED.fullmatch(line) for line in lines[3:-1]]
        if last is None or key is None:
            return None
        files = {entry["path"]: entry["sha256"] for entry in listed if entry is not None}
        value = base64.b64decode(last["value"], validate=True)
    except (UnicodeDecodeError, IndexError, binascii.Error):
        return None
    # one text for one meaning: order, repeated paths, a missing or a foreign line, spare bits
    same_value = base64.b64encode(value).decode() == last["value"]
    if _text(key["id"], files) != signed or not same_value:
        return None
    return Signature(key_id=key["id"], files=files, signed=signed.encode(), value=value)
