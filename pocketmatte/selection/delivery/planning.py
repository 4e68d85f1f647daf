"""Which files a delivery holds, each with its hash, before anything is written."""

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from export.artifact import inside, members, sha256_of
from pocketmatte.selection.held import stays_inside
from pocketmatte.selection.lock import LockedFile
from tiers.errors import BundleError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One file of a delivery.

    Attributes:
        path: Below its folder, with slashes.
        sha256: Of what it will hold.
        size_bytes: Likewise.
        content: What it will hold; ``None`` where it is copied.
        source: What is copied; ``None`` where it is made here.
    """

    path: str
    sha256: str
    size_bytes: int
    content: bytes | None = None
    source: Path | None = None


def made(path: str, content: str | bytes) -> Planned:
    """Return a file whose content is made here."""
    data = content.encode() if isinstance(content, str) else content
    digest = hashlib.sha256(data).hexdigest()
    return Planned(path=path, sha256=digest, size_bytes=len(data), content=data)


class Sources:
    """The files of a bundle, each read and held against the lock once.

    Args:
        root: The bundle.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, tuple[Planned, ...]] = {}

    @property
    def paths(self) -> frozenset[str]:
        """The files that were asked for, as in the bundle."""
        return frozenset(self._read)

    def planned(self, file: LockedFile, below: str = "") -> list[Planned]:
        """Return what a delivery holds of one file of a lock.

        Args:
            file: It may be a folder, as those of Core ML are.
            below: The folder of the delivery that it goes to, ``""`` for the topmost; it keeps its
                path from there on.

        Raises:
            BundleError: If it is missing, is not what the lock says, or is or holds a link.
        """
        if file.path not in self._read:
            self._read[file.path] = tuple(self._checked(file))
        prefix = f"{below}/" if below else ""
        return [
            dataclasses.replace(each, path=prefix + each.path) for each in self._read[file.path]
        ]

    def _checked(self, file: LockedFile) -> list[Planned]:
        source = inside(self._root, file.path)
        self._refuse_links(file.path)
        if not source.exists():
            msg = f"{file.path} is missing from {self._root}; build it again"
            raise BundleError(msg)
        found = sha256_of(source)
        if found != file.sha256:
            msg = (
                f"{file.path}: its sha256 is {found[:12]}..., the lock says "
                f"{file.sha256[:12]}...: it changed since it was built; build it again"
            )
            raise BundleError(msg)
        if source.is_file():
            size_bytes = source.stat().st_size
            return [Planned(path=file.path, sha256=found, size_bytes=size_bytes, source=source)]
        held = [
            Planned(
                path=f"{file.path}/{member.relative_to(source).as_posix()}",
                sha256=sha256_of(member),
                size_bytes=member.stat().st_size,
                source=member,
            )
            for member in members(source)
        ]
        if not held:
            msg = f"{file.path} of {self._root} is an empty folder; build it again"
            raise BundleError(msg)
        return held

    def _refuse_links(self, relative: str) -> None:
        for part in (PurePosixPath(relative), *PurePosixPath(relative).parents):
            if (self._root / part).is_symlink() and part.parts:
                msg = f"{part} of {self._root} is a link; a bundle holds files only: build it again"
                raise BundleError(msg)


def check_paths(plan: Iterable[Planned]) -> None:
    """Refuse a plan that no disk could hold as it is meant.

    Raises:
        BundleError: If a path leads outside, two are one where case does not count, or one is a
            folder of another.
    """
    seen: set[str] = set()
    folders: set[str] = set()
    for each in plan:
        if not stays_inside(each.path):
            msg = f"path {each.path!a:.120} leads outside the delivery; build the bundle again"
            raise BundleError(msg)
        key = each.path.casefold()
        if key in seen:
            msg = f"{each.path} would be there twice; build the bundle again"
            raise BundleError(msg)
        seen.add(key)
        folders |= {str(part) for part in PurePosixPath(key).parents}
    for key in sorted(seen & folders):
        msg = f"{key} would be a file and a folder; build the bundle again"
        raise BundleError(msg)
