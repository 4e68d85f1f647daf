"""Artifacts on disk: hashing a file or a folder, writing text whole, staying inside."""

import hashlib
import os
from pathlib import Path, PurePosixPath

from export.atomic import whole
from tiers.errors import BundleError

_CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's relative names and contents in sorted order.

    Raises:
        BundleError: If there is nothing, or the folder holds a symbolic link: what it leads to is
            not in the bundle.
    """
    if not path.exists():
        msg = f"{path} is missing; build it again"
        raise BundleError(msg)
    total = hashlib.sha256()
    if path.is_file():
        _update(total, path)
        return total.hexdigest()
    for member in members(path):
        total.update(f"{member.relative_to(path).as_posix()}\0".encode())
        own = hashlib.sha256()
        _update(own, member)
        total.update(own.digest())
    return total.hexdigest()


def size_bytes_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    return sum(member.stat().st_size for member in ([path] if path.is_file() else members(path)))


def members(folder: Path) -> list[Path]:
    """Return the files of a folder in the order of their relative names.

    Raises:
        BundleError: If there is a symbolic link among them.
    """
    found = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        if path.is_symlink():
            msg = f"{path} is a symbolic link; a bundle holds files only: build it again"
            raise BundleError(msg)
        if path.is_file():
            found.append(path)
    return found


def inside(root: Path, relative: str) -> Path:
    """Return ``root / relative``, refusing whatever leads out of ``root``.

    Raises:
        BundleError: If ``relative`` is absolute, climbs, or passes through a symbolic link that
            leads outside.
    """
    pure = PurePosixPath(relative)
    path = root / relative
    if (
        "\0" in relative
        or pure.is_absolute()
        or ".." in pure.parts
        or not pure.parts
        or "\\" in relative
        # not Path.resolve: on some versions of Python it raises where links form a loop
        or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    ):
        msg = f"path {relative!r} leads outside the bundle {root}; build it again"
        raise BundleError(msg)
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        BundleError: If the disk refuses it.
    """
    with whole(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _update(total: "hashlib._Hash", path: Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            total.update(chunk)
