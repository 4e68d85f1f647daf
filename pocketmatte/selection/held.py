"""What a choice needs of a bundle, read in a bare Python: files, verdicts, times of this machine.

``export.manifest`` and ``pocketmatte.verify`` write these files; unknown fields are left alone.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pocketmatte.results import FOLDER
from pocketmatte.selection.json_files import read_shape
from pocketmatte.selection.networks import NETWORKS, TIERS
from pocketmatte.selection.shapes import Amount, Count, Match, Sha256, Shape
from tiers.errors import BundleError, MissingBundleError

_NO_NAMES = frozenset({"", ".", ".."})  # an empty one begins an absolute path
MANIFEST = "manifest.json"  # export.manifest.FILE_NAME, which imports pydantic

Orientation: TypeAlias = Literal["landscape", "portrait"]
# what is printed: a name must not move the cursor
Name: TypeAlias = Annotated[str, Match("[!-~]{1,80}")]
Status: TypeAlias = Literal["proven", "evaluated", "checked", "failed"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """How frames are held."""

    orientation: Orientation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One exported program, as far as a choice looks at it; see ``export.manifest.Artifact``."""

    path: Annotated[str, Match(r"[^\x00-\x1f\x7f]{0,4096}")]
    network: str
    tier: str
    program: Name
    format: Name
    recipe: Name
    sha256: Sha256
    size_bytes: Count
    frame: Frame


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The part of a manifest that a choice looks at."""

    schema_version: Literal[1]
    artifacts: tuple[Artifact, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """What ``verify`` measured of one file; a PSNR is ``None`` where nothing differs."""

    judged: str | None
    psnr_db: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What ``verify`` found of one file."""

    path: str
    sha256: Sha256
    status: Status
    parity: Parity | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """``results/parity.json``."""

    artifacts: tuple[Verdict, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostTime:
    """One row of ``results/latency.json``: a file, or PyTorch, which has none."""

    path: str | None
    sha256: Sha256 | None
    min_ms: Amount


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostTimes:
    """``results/latency.json``."""

    latencies: tuple[HostTime, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What a bundle holds.

    Attributes:
        artifacts: Of the manifest, by path.
        verdicts: Of ``verify``, by the sha256 of the file; of several the worst.
        host_ms: Fastest step on the machine that ran ``bench``, by the sha256 of the file.
        manifest_sha256: Of the manifest.
        verdicts_sha256, host_sha256: Of the two results; ``None`` where there is none.
    """

    artifacts: Mapping[str, Artifact]
    verdicts: Mapping[str, Verdict]
    host_ms: Mapping[str, float]
    manifest_sha256: str
    verdicts_sha256: str | None
    host_sha256: str | None


def read_held(root: Path) -> Held:
    """Read what a choice needs of a bundle.

    Raises:
        BundleError: If the manifest is missing, empty, damaged, of another version, names a path
            outside the bundle or one file twice, or a result is damaged.
    """
    manifest, manifest_sha256 = read_manifest(root)
    verdicts: dict[str, Verdict] = {}
    found, verdicts_sha256 = _result(root, "parity", Verdicts, "verify")
    for each in found.artifacts if found else ():
        if each.sha256 not in verdicts or each.status == "failed":
            verdicts[each.sha256] = each
    times, host_sha256 = _result(root, "latency", HostTimes, "bench")
    rows = times.latencies if times else ()
    return Held(
        artifacts={entry.path: entry for entry in manifest.artifacts},
        verdicts=verdicts,
        host_ms={row.sha256: row.min_ms for row in rows if row.sha256 is not None},
        manifest_sha256=manifest_sha256,
        verdicts_sha256=verdicts_sha256,
        host_sha256=host_sha256,
    )


def read_manifest(root: Path) -> tuple[Manifest, str]:
    """Read the part of a manifest that a choice looks at, and return it with its sha256.

    Raises:
        BundleError: See ``read_held``.
    """
    path = root / MANIFEST
    if not path.exists():
        msg = f"{root} holds no {MANIFEST}; give the folder that pocketmatte build wrote"
        raise MissingBundleError(msg)
    manifest, sha256 = read_shape(path, Manifest, "manifest", "build it again")
    if not manifest.artifacts:
        msg = f"{root} holds no artifact; run pocketmatte build first"
        raise BundleError(msg)
    seen: set[object] = set()
    for entry in manifest.artifacts:
        _check(root, entry)
        for key in (entry.path, (*group_of(entry), entry.program)):
            if key in seen:
                msg = f"{path} lists {entry.path!a:.120} twice; build it again"
                raise BundleError(msg)
            seen.add(key)
    return manifest, sha256


def group_of(entry: Artifact) -> tuple[str, str, str, str, str]:
    """Return what all programs of one choice have in common."""
    return entry.network, entry.tier, entry.format, entry.recipe, entry.frame.orientation


def _check(root: Path, entry: Artifact) -> None:
    if not stays_inside(entry.path):
        msg = f"path {entry.path!a:.120} leads outside the bundle {root}; build it again"
        raise BundleError(msg)
    if entry.network not in NETWORKS or entry.tier not in TIERS:
        msg = (
            f"{entry.path!a:.120} is of {entry.network!a:.40} {entry.tier!a:.40}, which this "
            "PocketMatte has not; build it again"
        )
        raise BundleError(msg)


def stays_inside(relative: str) -> bool:
    """Say whether the words of a path stay below a folder; links are not looked at.

    One way to write it alone is let through: no empty part, and none of dots.
    """
    parts = relative.split("/")
    return relative.isprintable() and "\\" not in relative and not _NO_NAMES.intersection(parts)


def _result(
    root: Path, name: str, kind: type[Shape], command: str
) -> tuple[Shape | None, str | None]:
    path = root / FOLDER / f"{name}.json"
    if not path.exists():
        return None, None
    way_out = f"delete it and run pocketmatte {command} again"
    return read_shape(path, kind, f"result of {command}", way_out)
