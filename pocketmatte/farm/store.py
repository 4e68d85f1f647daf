"""What builds made before, by what decides it: a folder that any number of builds share.

    objects/<sha256>          a file, or a folder of a format that is one
    files/<build key>.json    the manifest's entry of the artifact that has this key
    records/<key>.json        what a tier is quantised with

A key is the hash of all that decides the bytes, see ``build_key``; what is found under it is held
to its hash before it is used. Everything is written beside its place, under a name that no other
build takes, and renamed, so that builds need not know of one another, and the folder, or any part
of it, can be deleted at any time.
"""

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pydantic

from export.artifact import inside, sha256_of, write_text
from export.atomic import PARTIAL, remove, whole
from export.manifest import Artifact
from pocketmatte.quantisation.record import QuantisationRecord
from tiers.errors import BundleError, UsageError, was_interrupted

_LEFT_BEHIND_S = 86400.0  # what is half-written for longer is of a build that was killed


class Store:
    """The folder.

    Args:
        root: It; made where there is none.

    Raises:
        UsageError: If it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"--cache is {root}, which cannot be made ({error.strerror}); name another folder"
            raise UsageError(msg) from error
        for partial in root.glob(f"*/.*{PARTIAL}"):
            with contextlib.suppress(OSError):
                if time.time() - partial.stat().st_mtime > _LEFT_BEHIND_S:
                    remove(partial)

    def fetch(self, key: str, path: str, out: Path) -> Artifact | None:
        """Copy the artifact of a build key into a bundle; return its entry, or ``None``.

        Args:
            key: Of ``build_key``.
            path: Where the artifact belongs in the bundle.
            out: The bundle.

        Raises:
            BundleError: If the disk refuses.
        """
        try:
            text = (self._root / "files" / f"{key}.json").read_text(encoding="utf-8")
            entry = Artifact.model_validate_json(text)
        except (OSError, UnicodeDecodeError, pydantic.ValidationError):
            return None
        held = self._root / "objects" / entry.sha256
        if (entry.build_key, entry.path) != (key, path) or not held.exists():
            return None
        target = inside(out, path)
        try:
            with whole(target) as partial:
                _copy(held, partial)
        except BundleError:
            if held.exists():
                raise
            return None  # it was deleted while it was read
        if sha256_of(target) == entry.sha256:
            return entry
        _delete(held)  # it is not what it was
        _delete(target)
        return None

    def fetch_record(self, key: str, path: Path) -> bool:
        """Copy what a tier is quantised with to a path; say whether it was there.

        Raises:
            BundleError: If the disk refuses.
        """
        try:
            text = (self._root / "records" / f"{key}.json").read_text(encoding="utf-8")
            record = QuantisationRecord.model_validate_json(text)
        except (OSError, UnicodeDecodeError, pydantic.ValidationError):
            return False
        if record.key != key:
            return False
        write_text(path, text)
        return True

    def keep(self, entry: Artifact, out: Path) -> None:
        """Keep an artifact of a bundle.

        Raises:
            BundleError: If the disk refuses.
        """
        held = self._root / "objects" / entry.sha256
        if not held.exists():
            made = inside(out, entry.path)
            _place(held, lambda partial: _copy(made, partial))
        text = entry.model_dump_json() + "\n"
        _place_text(self._root / "files" / f"{entry.build_key}.json", text)

    def keep_record(self, key: str, path: Path) -> None:
        """Keep what a tier is quantised with, where a bundle has it under this key.

        Raises:
            BundleError: If the disk refuses.
        """
        target = self._root / "records" / f"{key}.json"
        if target.exists():
            return
        try:
            text = path.read_text(encoding="utf-8")
            held = QuantisationRecord.model_validate_json(text)
        except (OSError, UnicodeDecodeError, pydantic.ValidationError):
            return
        if held.key == key:
            _place_text(target, text)


def _place_text(path: Path, text: str) -> None:
    _place(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _place(path: Path, write: Callable[[Path], object]) -> None:
    """Put something in its place, whole; what another build put there meanwhile is as good.

    Raises:
        BundleError: If the disk refuses.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(path)
    except OSError as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        if not path.exists():
            reason = error.strerror or error
            msg = f"could not write {path} ({reason}); free some space or name another --cache"
            raise BundleError(msg) from error
    finally:
        with contextlib.suppress(OSError):
            remove(partial)


def _copy(source: Path, target: Path) -> None:
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{path} is damaged and cannot be deleted ({error.strerror}); delete it"
        raise BundleError(msg) from error
