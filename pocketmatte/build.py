"""Build a bundle: any part of the matrix, only what is out of date."""

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

from export.atomic import remove_partials
from export.manifest import FILE_NAME, Manifest, read_manifest
from export.manifest import Weights as WeightsEntry
from pocketmatte.build_key import quantisation_key
from pocketmatte.bundle import described, place_weights
from pocketmatte.farm.growing import GrowingBundle
from pocketmatte.farm.here import processes
from pocketmatte.farm.jobs import CaptureJob, Done, Event, Job, Task, records_with
from pocketmatte.farm.plan import planned, tasks_of
from pocketmatte.farm.schedule import Crew, scheduled
from pocketmatte.farm.seeds import Seeds
from pocketmatte.farm.store import Store
from pocketmatte.folders import make_bundle_folder
from pocketmatte.request import Request
from pocketmatte.results import write_results
from pocketmatte.seeded_weights import kept_seeds
from tiers.errors import BundleError, UsageError
from tiers.weights import Weights, load, network_of, shipped, shipped_rows

RESULTS = "build"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a build is done with.

    Attributes:
        jobs: Processes.
        memory_bytes: For all of them; ``None`` for no limit.
        scheduler: Address of a Dask cluster that does the jobs instead, or ``None``.
        cache: Folder of what builds made before, or ``None``.
        keep_going: Whether what can be built is, after something failed.
    """

    jobs: int = 1
    memory_bytes: int | None = None
    scheduler: str | None = None
    cache: Path | None = None
    keep_going: bool = True


_ALONE = Means()


def build(
    out: Path,
    requests: Request | Sequence[Request],
    means: Means = _ALONE,
    on_plan: Callable[[float], object] = lambda _: None,
) -> Iterator[Event]:
    """Build what is out of date in the bundle ``out``; yield an event per artifact.

    Packages that were made from an artifact that is built again are dropped, an event each: they
    would hold what is no longer there.

    The manifest is written after every job, so that a run that is killed loses no more than the
    jobs it was at, and what it left half-written is never taken for whole. What the jobs took is
    kept in results/build.json.

    Args:
        out: The bundle.
        requests: What to build.
        means: What to build with.
        on_plan: Called once with the seconds that are expected, in sum over all jobs.

    Raises:
        UsageError: If a number is out of range, ``out`` holds something other than a bundle, or
            another build is at work in it.
        CheckpointError: If the weights are corrupt or do not fit every tier that is out of date.
            Raised before anything is exported.
        BundleError: If the bundle's manifest is broken or the disk refuses.
        RuntimeUnavailableError: If the cluster cannot be used.
        WorkerError: If a build process dies.
    """
    if means.jobs < 1:
        msg = f"--jobs is {means.jobs}; it must be 1 or more"
        raise UsageError(msg)
    asked = [requests] if isinstance(requests, Request) else list(requests)
    given: dict[str, dict[str, Weights]] = {}
    for request in asked:
        given.setdefault(request.network, {}).update(_weights(request))
    store = None if means.cache is None else Store(means.cache)
    make_bundle_folder(out)
    with locked(out):
        restored = remove_partials(out)
        with kept_seeds(out):
            yield from _build(out, asked, given, store, means, on_plan, restored)


def _build(
    out: Path,
    requests: Sequence[Request],
    weights: Mapping[str, Mapping[str, Weights]],
    store: Store | None,
    means: Means,
    on_plan: Callable[[float], object],
    restored: Sequence[Path],
) -> Iterator[Event]:
    before = _manifest(out)
    sources = _sources(out, requests, weights, means.jobs)
    plan = planned(out, requests, sources, before.artifacts, store)
    _require_fit(plan.jobs, weights)
    files = {each.sha256: each for own in weights.values() for each in own.values()}
    placed = [*(place_weights(out, each) for each in files.values()), *sources.values()]
    bundle = GrowingBundle(out, before, plan, placed, restored)
    bundle.save()
    yield from plan.events
    yield from bundle.drop()
    if not means.keep_going and any(event.outcome == "failed" for event in plan.events):
        return
    tasks = tasks_of(out, plan.jobs)
    on_plan(sum(task.seconds for task in tasks))
    try:
        if not tasks or (yield from _done(out, tasks, means, store, bundle)):
            bundle.sweep()
    finally:
        plan.hashes.save()


def _sources(
    out: Path,
    requests: Sequence[Request],
    weights: Mapping[str, Mapping[str, Weights]],
    jobs: int,
) -> dict[tuple[str, str], WeightsEntry]:
    """Return the manifest's entries of the weights of all rows, by network and tier."""
    rows = {(row.network, row.name): row for request in requests for row in request.rows}
    given = {
        (network, tier): described(weights[network][tier])
        for network, tier in rows
        if tier in weights[network]
    }
    seeds = Seeds(out)
    made = seeds.entries([row for name, row in rows.items() if name not in given], jobs)
    seeds.save()
    return given | made


def _done(
    out: Path, tasks: Sequence[Task], means: Means, store: Store | None, bundle: GrowingBundle
) -> Generator[Event, None, bool]:
    """Do the tasks; yield an event per artifact, and return whether all of them were tried."""
    taken: list[dict[str, object]] = []
    with _crew(out, means) as crew:
        for task, done in scheduled(tasks, crew, means.memory_bytes):
            taken.append(_taken(task, done))
            bundle.add(done)
            write_results(out, RESULTS, {"jobs": taken})
            if store is not None:
                _keep(store, out, task.job, done)
            yield from _events(task, done)
            if not means.keep_going and any(event.outcome == "failed" for event, _ in done.files):
                return False
    return True


@contextlib.contextmanager
def _crew(out: Path, means: Means) -> Iterator[Crew]:
    if means.scheduler is None:
        with processes(out, means.jobs) as crew:
            yield crew
        return
    from pocketmatte.farm.cluster import cluster

    with cluster(out, means.scheduler) as crew:
        yield crew


def _events(task: Task, done: Done) -> Iterator[Event]:
    """Yield the events of a task; they share what it was expected to take."""
    share = task.seconds / max(len(done.files), 1)
    for event, _ in done.files:
        yield dataclasses.replace(event, expected_seconds=share)


def _taken(task: Task, done: Done) -> dict[str, object]:
    return {
        "job": task.name,
        "stages": dict(done.stages),
        "peak_bytes": done.peak_bytes,
        "expected_seconds": task.seconds,
        "expected_bytes": task.memory_bytes,
    }


def _keep(store: Store, out: Path, job: Job, done: Done) -> None:
    for recipe, paths in records_with(job).items():
        for path in paths:
            store.keep_record(quantisation_key(job.spec, recipe, job.weights), out / path)
    for _, entry in done.files:
        if entry is not None:
            store.keep(entry, out)


def _weights(request: Request) -> dict[str, Weights]:
    """Return the weights of each tier that has any but seeded ones, by its name."""
    if request.weights is None:
        reached = set(shipped_rows(request.network))
        rows = [row for row in request.rows if row.name in reached]
        found = shipped(rows[0]) if rows else None
        return {} if found is None else {row.name: found for row in rows}
    given = load(request.weights, request.network)
    return {row.name: given for row in request.rows}


def _require_fit(jobs: Sequence[CaptureJob], weights: Mapping[str, Mapping[str, Weights]]) -> None:
    for spec in {(job.spec.network, job.spec.name): job.spec for job in jobs}.values():
        if spec.name in weights[spec.network]:  # seeded ones are made to fit
            network_of(spec, weights[spec.network][spec.name])


def _manifest(out: Path) -> Manifest:
    if not (out / FILE_NAME).is_file():
        return Manifest(schema_version=1, pocketmatte="", weights=[], artifacts=[])
    try:
        return read_manifest(out)
    except BundleError as error:
        msg = f"{error}, in another folder or after deleting {out / FILE_NAME}"
        raise BundleError(msg) from error


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep other builds and packings out of a bundle.

    Raises:
        UsageError: If one is at work in it.
        BundleError: If the lock cannot be made, or is a link.
    """
    path = out / ".lock"
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        msg = f"{path} cannot be opened ({error.strerror}); delete it, or choose another folder"
        raise BundleError(msg) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another build is at work in {out}; wait for it or choose another folder"
            raise UsageError(msg) from error
        yield
    finally:
        os.close(lock)
