"""Build a bundle: any part of the matrix, only what is out of date."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from export.artifact import inside
from export.atomic import remove_partials
from export.manifest import FILE_NAME, Artifact, Manifest, read_manifest, write_manifest
from pocketmatte.build_job import Event, Job, run_job
from pocketmatte.build_key import build_key
from pocketmatte.bundle import described, place_weights
from pocketmatte.folders import make_bundle_folder
from pocketmatte.harness.traces import AGAIN as RECORD_AGAIN
from pocketmatte.harness.traces import remove_unlisted_traces, tier_key, trace_key
from pocketmatte.integrity import fault
from pocketmatte.packages import AGAIN, remove_unlisted, unchanged
from pocketmatte.pool import run_jobs
from pocketmatte.request import Request, artifact_path
from tiers.errors import BundleError, UsageError
from tiers.weights import Weights, default, load, network_of


def build(out: Path, request: Request, *, jobs: int = 1) -> Iterator[Event]:
    """Build what is out of date in the bundle ``out``; yield an event per artifact.

    Packages that were made from an artifact that is built again are dropped, an event each: they
    would hold what is no longer there.

    The manifest is written after every group of artifacts, so that a run that is killed loses no
    more than the group it was at, and what it left half-written is never taken for whole.

    Raises:
        UsageError: If ``jobs`` is no positive number, ``out`` holds something other than a
            bundle, or another build is at work in it.
        CheckpointError: If the weights are corrupt or do not fit every tier that is out of date.
            Raised before anything is exported.
        BundleError: If the bundle's manifest is broken or the disk refuses.
        WorkerError: If a build process dies.
    """
    if jobs < 1:
        msg = f"--jobs is {jobs}; it must be 1 or more"
        raise UsageError(msg)
    weights = _weights(request)
    make_bundle_folder(out)
    with locked(out):
        remove_partials(out)
        yield from _build(out, request, weights, jobs)


def _build(
    out: Path, request: Request, weights: Mapping[str, Weights], jobs: int
) -> Iterator[Event]:
    before = _manifest(out)
    entries = {entry.path: entry for entry in before.artifacts}
    threads = max(1, (os.cpu_count() or 1) // jobs)
    todo: list[Job] = []
    for row, recipe, contract in request.captures():
        source = described(weights[row.name])
        stale = []
        for form in request.forms(row, recipe, contract):
            path = artifact_path(row, contract.name, recipe, form)
            key = build_key(row, contract.name, recipe, form, source)
            if _up_to_date(out, entries.get(path), key):
                yield Event(path=path, outcome="kept")
            else:
                entries.pop(path, None)
                stale.append(form)
        if stale:
            todo.append(
                Job(out=out, spec=row, program=contract.name, recipe=recipe,
                    formats=tuple(stale), weights=source, threads=threads)
            )  # fmt: skip
    _require_fit(todo, weights)
    placed = {
        digest: place_weights(out, each)
        for digest, each in {each.sha256: each for each in weights.values()}.items()
    }
    known = {entry.digest: entry for entry in before.weights} | placed

    packages = [package for package in before.packages if unchanged(package, entries)]
    held = {tier_key(entry) for entry in entries.values()}
    held |= {(j.spec.network, j.spec.name, j.spec.orientation, j.weights.digest) for j in todo}
    traces = [trace for trace in before.traces if trace_key(trace) in held]

    def save() -> None:
        used = {entry.weights_digest for entry in entries.values()}
        whole = Manifest(
            schema_version=1,
            pocketmatte=metadata.version("pocketmatte"),
            weights=[entry for digest, entry in known.items() if digest in used],
            artifacts=list(entries.values()),
            packages=packages,
            traces=traces,
        )
        write_manifest(out, whole)

    save()
    remove_unlisted(out, packages)
    remove_unlisted_traces(out, traces)
    for package in before.packages:
        if package not in packages:
            reason = f"its files are built again; {AGAIN} afterwards"
            yield Event(path=package.path, outcome="dropped", reason=reason)
    for trace in before.traces:
        if trace not in traces:
            reason = f"its files are of other weights now; {RECORD_AGAIN} afterwards"
            yield Event(path=trace.path, outcome="dropped", reason=reason)
    for results in run_jobs(run_job, todo, jobs, clean=lambda: remove_partials(out)):
        for event, entry in results:
            if entry is not None:
                entries[entry.path] = entry
            yield event
        save()


def _weights(request: Request) -> dict[str, Weights]:
    """Return each tier's weights, by its name."""
    if request.weights is None:
        return {row.name: default(row) for row in request.rows}
    given = load(request.weights, request.network)
    return {row.name: given for row in request.rows}


def _require_fit(todo: Sequence[Job], weights: Mapping[str, Weights]) -> None:
    for spec in {job.spec.name: job.spec for job in todo}.values():
        network_of(spec, weights[spec.name])


def _manifest(out: Path) -> Manifest:
    if not (out / FILE_NAME).is_file():
        return Manifest(schema_version=1, pocketmatte="", weights=[], artifacts=[])
    try:
        return read_manifest(out)
    except BundleError as error:
        msg = f"{error}, in another folder or after deleting {out / FILE_NAME}"
        raise BundleError(msg) from error


def _up_to_date(out: Path, entry: Artifact | None, key: str) -> bool:
    if entry is None or entry.build_key != key or fault(out, entry) is not None:
        return False
    record = entry.notes.get("quantisation")  # of eight bits: what it was made with
    return not isinstance(record, str) or inside(out, record).is_file()


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep other builds and packings out of a bundle.

    Raises:
        UsageError: If one is at work in it.
    """
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another build is at work in {out}; wait for it or choose another folder"
            raise UsageError(msg) from error
        yield
