"""Copy what a lock takes out of a bundle, and nothing else: whole or not at all, hashes checked."""

import dataclasses
import hashlib
import shutil
from pathlib import Path, PurePosixPath

from export.artifact import inside, members, sha256_of, write_text
from export.atomic import whole
from pocketmatte.results import FOLDER
from pocketmatte.selection.delivered_manifest import delivered_manifest
from pocketmatte.selection.families import family_of
from pocketmatte.selection.held import MANIFEST, Artifact, Manifest, read_manifest
from pocketmatte.selection.json_files import read_bytes, read_shape
from pocketmatte.selection.lock import FILE_NAME, Lock, LockedFile, files_of, read_lock
from pocketmatte.selection.on_device.carried import carried_files, files_beside, paths_beside
from pocketmatte.selection.on_device.device_file import DEVICE_FILE
from pocketmatte.selection.rows import PLATFORMS
from tiers.errors import BundleError, UsageError

_AGAIN = "run pocketmatte select again"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shipped:
    """What was copied.

    Attributes:
        out: The folder.
        files: Paths below it, as in the bundle; the lock and their manifest are beside them, and
            where a device is to choose among neighbours what it needs for that.
        size_bytes: Of the files.
    """

    out: Path
    files: tuple[str, ...]
    size_bytes: int


def ship(
    lock_path: Path,
    root: Path,
    out: Path,
    neighbours: int | None = None,
    platform: str | None = None,
) -> Shipped:
    """Copy the files that a lock takes, with the lock and their manifest beside them.

    Args:
        lock_path: The lock.
        root: The bundle that it was made of.
        out: A folder that is new, empty, or was written so before; it is replaced whole.
        neighbours: How many tiers to copy on each side of what is taken, for a device to step to,
            with ``tiers.device.json``; ``None`` for what is taken and nothing else.
        platform: Of the app, see ``families``; ``None`` for all that the lock has.

    Raises:
        BundleError: If the lock is stale, takes nothing or escapes, a file is missing or not the
            one that was chosen, or the disk refuses.
        UsageError: If the folder holds anything else, or overlaps with the bundle, or there is no
            such platform.
    """
    platforms = PLATFORMS if platform is None else family_of(platform)
    lock = read_lock(lock_path)
    text = read_bytes(lock_path, "lock", _AGAIN)
    check_fresh(lock_path, lock, root)
    files = files_of(lock, platforms)
    if not files:
        for_whom = "" if platform is None else f" for {' or '.join(platforms)}"
        msg = f"{lock_path} takes no file{for_whom}; {_AGAIN} with other budgets"
        raise BundleError(msg)
    device_text = None
    if neighbours is not None:
        sha256 = hashlib.sha256(text).hexdigest()
        manifest, _ = read_manifest(root)
        device_text, extra = files_beside(lock, lock_path, sha256, manifest, neighbours, platforms)
        files = carried_files(files, extra)
    paths = tuple(file.path for file in files)
    manifest_text = delivered_manifest(root, lock.inputs.manifest_sha256, paths)
    _check_folder(out, root)
    sources = {file.path: inside(root, file.path) for file in files}
    with whole(out) as partial:
        partial.mkdir()
        for file in files:
            _copy(sources[file.path], partial / file.path, root)
        for file in files:  # after all, since two names may be one on some disks
            _check_copy(partial / file.path, file)
        (partial / FILE_NAME).write_bytes(text)
        write_text(partial / MANIFEST, manifest_text)
        if device_text is not None:
            write_text(partial / DEVICE_FILE, device_text)
    size_bytes = sum(file.size_bytes for file in files)
    return Shipped(out=out, files=paths, size_bytes=size_bytes)


def bundle_of(lock_path: Path, bundle: Path | None) -> Path:
    """Return the bundle that a lock is of: what is given, else the folder that it lies in.

    Raises:
        UsageError: If that folder is no bundle.
    """
    if bundle is not None:
        return bundle
    if not (lock_path.parent / MANIFEST).is_file():
        msg = f"{lock_path} lies in no bundle; give it with --bundle"
        raise UsageError(msg)
    return lock_path.parent


def check_fresh(lock_path: Path, lock: Lock, root: Path) -> None:
    """Refuse a lock of another manifest, of other verdicts, or of files that are not listed.

    Raises:
        BundleError: If it is stale, or the bundle is damaged.
    """
    manifest, sha256 = read_manifest(root)
    if sha256 != lock.inputs.manifest_sha256:
        msg = (
            f"{lock_path} is stale: it is of manifest {lock.inputs.manifest_sha256[:12]}, {root} "
            f"holds {sha256[:12]}; {_AGAIN}"
        )
        raise BundleError(msg)
    parity = root / FOLDER / "parity.json"
    verdicts = sha256_of(parity) if parity.is_file() else None
    if verdicts != lock.inputs.verdicts_sha256:
        msg = f"{lock_path} is stale: {parity} is not what it was chosen by; {_AGAIN}"
        raise BundleError(msg)
    _check_listed(lock_path, lock, manifest)


def _check_listed(lock_path: Path, lock: Lock, manifest: Manifest) -> None:
    """Refuse a lock whose files are not those of the manifest."""
    listed = {entry.path: entry for entry in manifest.artifacts}
    for group in lock.groups:
        for choice in group.choices:
            for file in choice.taken.files if choice.taken else ():
                entry = listed.get(file.path)
                if entry is None or not _same(file, entry, choice.network):
                    what = f"{lock_path} names {file.path!a:.120}"
                    msg = f"{what}, which {MANIFEST} does not list so; {_AGAIN}"
                    raise BundleError(msg)


def _same(file: LockedFile, entry: Artifact, network: str) -> bool:
    fields = ("program", "sha256", "size_bytes")
    alike = all(getattr(file, each) == getattr(entry, each) for each in fields)
    return alike and entry.network == network


def _check_folder(out: Path, root: Path) -> None:
    """Refuse a folder in which something could get lost."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        msg = f"--out is {out}, a file or a link; choose a folder"
        raise UsageError(msg)
    here, bundle = out.resolve(), root.resolve()
    if here.is_relative_to(bundle) or bundle.is_relative_to(here):
        msg = f"--out is {out}, which overlaps with the bundle {root}; choose another folder"
        raise UsageError(msg)
    if not out.is_dir() or not any(out.iterdir()):
        return
    known: set[PurePosixPath] = set()
    if (out / FILE_NAME).is_file():
        known = {PurePosixPath(file.path) for file in files_of(read_lock(out / FILE_NAME))}
        known |= paths_beside(out)
        if _is_delivered(out / MANIFEST, known):
            known.add(PurePosixPath(MANIFEST))
    for path in sorted(out.rglob("*")):
        name = PurePosixPath(path.relative_to(out).as_posix())
        ours = name == PurePosixPath(FILE_NAME) or known.intersection((name, *name.parents))
        if path.is_symlink() or (path.is_file() and not ours):
            msg = (
                f"--out is {out}, which holds {name}, not of a lock; choose an empty or new folder"
            )
            raise UsageError(msg)


def _is_delivered(path: Path, known: set[PurePosixPath]) -> bool:
    """Say whether a manifest is of files of a lock alone; that of a bundle in use says more."""
    if not path.is_file():
        return False
    manifest, _ = read_shape(path, Manifest, "manifest", "choose an empty or new folder")
    return known.issuperset(PurePosixPath(entry.path) for entry in manifest.artifacts)


def _copy(source: Path, to: Path, root: Path) -> None:
    if not source.exists():
        msg = f"{source.relative_to(root)} is missing from {root}; build it again"
        raise BundleError(msg)
    if to.exists() or to.name in (FILE_NAME, DEVICE_FILE, MANIFEST):
        msg = f"{to.name} would be there twice; build the bundle again"
        raise BundleError(msg)
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, to)
        return
    to.mkdir()
    for member in members(source):
        place = to / member.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(member, place)


def _check_copy(copy: Path, file: LockedFile) -> None:
    found = sha256_of(copy)
    if found != file.sha256:
        msg = (
            f"{file.path}: its sha256 is {found[:12]}..., the lock says {file.sha256[:12]}...: it "
            "changed since it was built; build it again"
        )
        raise BundleError(msg)
