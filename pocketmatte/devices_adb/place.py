"""Put files into a run's folder on a device, and be sure that they arrived."""

import itertools
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.cargo import Piece
from pocketmatte.devices_adb.errors import DeviceError

# Files of one adb push: its command line has an end.
_AT_ONCE = 50
_ROUNDS = 3  # of pushing what did not arrive as it left
# Android itself turns things off where less than some such is left.
KEEP_FREE_BYTES = 64_000_000


def place(adb: Adb, folder: str, pieces: Sequence[Piece], free_bytes: int, copies: int) -> None:
    """Push what is not there already with the same content; what arrived is hashed there.

    Args:
        adb: The device.
        folder: The run's, which is made.
        pieces: What must lie there.
        free_bytes: Of the device's disk.
        copies: How often each file will lie on the device in the end.

    Raises:
        DeviceError: If it does not fit, before anything is pushed, or arrives damaged.
        TransportError: If the connection stays broken.
    """
    parents = {str(PurePosixPath(folder, piece.remote).parent) for piece in pieces}
    made = f"mkdir -p {' '.join(sorted(parents))} {folder}/results"
    for turn in range(_ROUNDS):
        there = _digests(adb, folder, made if turn == 0 else "true")
        missing = [piece for piece in pieces if there.get(piece.remote) != piece.sha256]
        if not missing:
            return
        if turn == 0:
            _check_space(missing, free_bytes, copies)
        _push(adb, folder, missing)
    there = _digests(adb, folder, "true")
    if damaged := [p.remote for p in pieces if there.get(p.remote) != p.sha256]:
        msg = f"{damaged[0]} arrives damaged on the device each time; try another cable or port"
        raise DeviceError(msg)


def _check_space(missing: Sequence[Piece], free_bytes: int, copies: int) -> None:
    needed = sum(piece.size_bytes for piece in missing) * copies + KEEP_FREE_BYTES
    if needed > free_bytes:
        msg = (
            f"{needed / 1e6:.0f} MB are needed on the device, {free_bytes / 1e6:.0f} MB are free; "
            "free some, or choose fewer tiers and recipes"
        )
        raise DeviceError(msg)


def _push(adb: Adb, folder: str, pieces: Sequence[Piece]) -> None:
    def parent(piece: Piece) -> str:
        return str(PurePosixPath(folder, piece.remote).parent)

    for where, group in itertools.groupby(sorted(pieces, key=parent), key=parent):
        files = [piece.local for piece in group]
        for start in range(0, len(files), _AT_ONCE):
            _push_to(adb, where, files[start : start + _AT_ONCE])


def _push_to(adb: Adb, where: str, files: Sequence[Path]) -> None:
    adb.persist(lambda: adb.push(files, where))


def _digests(adb: Adb, folder: str, first: str) -> dict[str, str]:
    """Return the sha256 of every file in a folder, by its name relative to it."""
    command = f"{first} && cd {folder} && find . -type f -exec sha256sum {{}} +"
    said = adb.persist(lambda: adb.shell(command))
    if said.code:
        words = said.err.strip() or f"find ended with {said.code}"
        msg = f"cannot write to {folder} on the device: {words.splitlines()[-1]}"
        raise DeviceError(msg)
    rows = (line.split(maxsplit=1) for line in said.out.splitlines())
    return {row[1].removeprefix("./"): row[0] for row in rows if len(row) == 2}
