"""What builds made before, by what decides it: a folder that any number of builds share.

    objects/<sha256>          a file, or a folder of a format that is one
    files/<build key>.json    the manifest's entry of the artifact that has this key
    records/<key>.json        what a tier is quantised with

A key is the hash of all that decides the bytes, see ``build_key``; what is found under it is held
to its hash before it is used. Everything is written beside its place and renamed, so that builds
need not know of one another, and the folder, or any part of it, can be deleted at any time.
"""

import shutil
from pathlib import Path

import pydantic

from export.artifact import inside, sha256_of, write_text
from export.atomic import whole
from export.manifest import Artifact
from pocketmatte.quantisation.record import QuantisationRecord
from tiers.errors import BundleError, UsageError


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
        with whole(target) as partial:
            (shutil.copytree if held.is_dir() else shutil.copyfile)(held, partial)
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
            with whole(held) as partial:
                (shutil.copytree if made.is_dir() else shutil.copyfile)(made, partial)
        text = entry.model_dump_json() + "\n"
        write_text(self._root / "files" / f"{entry.build_key}.json", text)

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
            write_text(target, text)


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{path} is damaged and cannot be deleted ({error.strerror}); delete it"
        raise BundleError(msg) from error
