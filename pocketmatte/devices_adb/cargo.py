"""What is to be run, and the files that must lie on a device for it."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from export.artifact import inside, sha256_of, size_bytes_of
from export.manifest import FILE_NAME, Artifact, Manifest
from export.trace import DATA_NAME, TRACE_NAME, read_trace
from pocketmatte.harness.traces import trace_path
from pocketmatte.native.building import DESCRIPTION, read_runner
from tiers.errors import BundleError, RuntimeUnavailableError, UsageError
from tiers.spec import Orientation

ANDROID_FORMAT = "executorch"  # what the native runner and the app read
RUNNER = "runner"  # the runner's folder on a device, and its program in there
LOADER = "lib/ld-linux-aarch64.so.1"  # of a runner that brings its own C library

_ELF_ABIS = {183: "arm64-v8a", 62: "x86_64"}  # by e_machine


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One tier in one recipe.

    Attributes:
        run_id: Names its result.
        network, tier, recipe, orientation: What to run.
        artifacts: Its programs.
        trace_sha256: Of its ``trace.json``.
    """

    run_id: str
    network: str
    tier: str
    recipe: str
    orientation: Orientation
    artifacts: tuple[Artifact, ...]
    trace_sha256: str

    @property
    def trace(self) -> str:
        """Where its trace lies in the bundle."""
        return trace_path(self.network, self.tier, self.orientation)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A file to put on a device.

    Attributes:
        local: Here.
        remote: There, relative to the run's folder.
        sha256: Of its content.
        size_bytes: Of its content.
    """

    local: Path
    remote: str
    sha256: str
    size_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Names to run, of those that a bundle holds."""

    networks: Sequence[str]
    tiers: Sequence[str]
    recipes: Sequence[str]
    orientation: Orientation
    format: str = ANDROID_FORMAT


def runs_of(root: Path, manifest: Manifest, asked: Asked, name: str) -> list[Run]:
    """Return the runs that were asked for, in the order of networks, tiers and recipes.

    Args:
        root: The bundle.
        manifest: Of the bundle.
        asked: What to run.
        name: Begins the names of all results.

    Raises:
        UsageError: If the bundle holds nothing of what was asked.
        BundleError: If a file changed since it was built, or a trace is missing or of others.
    """
    grouped: dict[tuple[str, str, str], list[Artifact]] = {}
    for entry in sorted(manifest.artifacts, key=lambda each: each.path):
        key = (entry.network, entry.tier, entry.recipe)
        fits = entry.format == asked.format and entry.frame.orientation == asked.orientation
        among = all(part in names for part, names in zip(key, _names(asked), strict=True))
        if fits and among:
            grouped.setdefault(key, []).append(entry)
    if not grouped:
        msg = (
            f"{root} holds no {asked.format} file of what was asked, {asked.orientation}; build it"
        )
        raise UsageError(msg)
    return [_run(root, tuple(entries), name) for entries in grouped.values()]


def bundle_pieces(root: Path, runs: Iterable[Run]) -> list[Piece]:
    """Return the files that a device needs of a bundle: no more than the runs read."""
    paths = {FILE_NAME}
    for run in runs:
        paths |= {entry.path for entry in run.artifacts}
        paths |= {f"{run.trace}/{name}" for name in (TRACE_NAME, DATA_NAME)}
    return [_piece(inside(root, path), f"bundle/{path}") for path in sorted(paths)]


def runner_pieces(folder: Path) -> list[Piece]:
    """Return the files of a native runner: its program, and the libraries beside it.

    Raises:
        UsageError: If the folder holds none.
        RuntimeUnavailableError: If it was built of other sources, or with another ExecuTorch.
    """
    if not (folder / RUNNER).is_file():
        msg = f"--runner {folder} holds no program {RUNNER}; give the folder that its build wrote"
        raise UsageError(msg)
    if (folder / DESCRIPTION).is_file():
        read_runner(folder)  # of this version of everything
    files = [folder / RUNNER, *sorted(p for p in (folder / "lib").rglob("*") if p.is_file())]
    return [_piece(path, f"{RUNNER}/{path.relative_to(folder).as_posix()}") for path in files]


def check_abi(folder: Path, abis: Sequence[str]) -> None:
    """Refuse a runner that was built for other processors.

    Raises:
        RuntimeUnavailableError: If the device does not run its kind.
    """
    with (folder / RUNNER).open("rb") as file:
        head = file.read(20)
    built_for = _ELF_ABIS.get(int.from_bytes(head[18:20], "little"))
    if head.startswith(b"\x7fELF") and abis and built_for not in abis:
        msg = (
            f"the runner is for {built_for or 'an unknown processor'}, the device runs "
            f"{', '.join(abis)}; give --runner one that was built for it"
        )
        raise RuntimeUnavailableError(msg)


def _names(asked: Asked) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    return asked.networks, asked.tiers, asked.recipes


def _run(root: Path, entries: tuple[Artifact, ...], name: str) -> Run:
    first = entries[0]
    for entry in entries:
        if sha256_of(inside(root, entry.path)) != entry.sha256:
            msg = f"{entry.path} changed since it was built; build it again"
            raise BundleError(msg)
    orientation = first.frame.orientation
    folder = root / trace_path(first.network, first.tier, orientation)
    _check_trace(folder, entries)
    held = "-portrait" if orientation == "portrait" else ""
    return Run(
        run_id=f"{name}-{first.network}-{first.tier}-{first.recipe}{held}",
        network=first.network,
        tier=first.tier,
        recipe=first.recipe,
        orientation=orientation,
        artifacts=entries,
        trace_sha256=sha256_of(folder / TRACE_NAME),
    )


def _check_trace(folder: Path, entries: tuple[Artifact, ...]) -> None:
    """Refuse a trace that these files cannot be held against."""
    first = entries[0]
    if not (folder / TRACE_NAME).is_file():
        msg = f"no trace in {folder}; record it with pocketmatte trace"
        raise BundleError(msg)
    trace = read_trace(folder)
    if sha256_of(folder / DATA_NAME) != trace.data.sha256:
        msg = f"{folder / DATA_NAME} is not the one of its trace; record the trace again"
        raise BundleError(msg)
    of = (trace.network, trace.tier, trace.orientation, trace.weights_digest)
    asked = (first.network, first.tier, first.frame.orientation, first.weights_digest)
    if of != asked:
        kind = "weights" if of[:-1] == asked[:-1] else "frames or another network or tier"
        msg = f"the trace in {folder} is of other {kind}; record the trace again"
        raise BundleError(msg)
    if lacking := {p.name for p in trace.programs} - {entry.program for entry in entries}:
        what = f"{first.network} {first.tier} {first.recipe}"
        msg = f"{what} lacks {', '.join(sorted(lacking))}, which the trace plays; build it whole"
        raise BundleError(msg)


def _piece(local: Path, remote: str) -> Piece:
    return Piece(
        local=local, remote=remote, sha256=sha256_of(local), size_bytes=size_bytes_of(local)
    )
