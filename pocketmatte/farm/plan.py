"""What of a bundle is out of date, and the tasks that bring it up to date."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from export.artifact import inside
from export.manifest import Artifact
from export.manifest import Weights as WeightsEntry
from export.recipe import recipe as recipe_of
from pocketmatte.build_key import build_key, quantisation_key
from pocketmatte.farm.estimate import expected_bytes, expected_seconds
from pocketmatte.farm.hashes import Hashes
from pocketmatte.farm.jobs import CaptureJob, Event, Job, RecordJob, Task, name_of
from pocketmatte.farm.store import Store
from pocketmatte.integrity import fault
from pocketmatte.quantisation.record import known_record, record_path
from pocketmatte.request import Request, artifact_path
from tiers.spec import TierSpec


@dataclasses.dataclass(kw_only=True)
class Plan:
    """What is there already, and what is to be done.

    Attributes:
        entries: The manifest's entries of artifacts that are as they should be, by path.
        events: Of these, as far as they were asked for, and of files that are known to fail: of
            tiers that a recipe cannot hold.
        jobs: The rest.
        hashes: Of the bundle's files.
    """

    entries: dict[str, Artifact]
    hashes: Hashes
    events: list[Event] = dataclasses.field(default_factory=list)
    jobs: list[CaptureJob] = dataclasses.field(default_factory=list)


def planned(
    out: Path,
    requests: Sequence[Request],
    weights: Mapping[tuple[str, str], WeightsEntry],
    before: Sequence[Artifact],
    store: Store | None,
) -> Plan:
    """Compare a bundle with what is asked for, and copy from the store what it has.

    Args:
        out: The bundle.
        requests: What is asked for.
        weights: By network and tier.
        before: The bundle's artifacts.
        store: Of what was built before, if there is one.

    Raises:
        BundleError: If the disk refuses.
    """
    plan = Plan(entries={entry.path: entry for entry in before}, hashes=Hashes(out))
    for request in requests:
        for row, recipe, contract in request.captures():
            source = weights[row.network, row.name]
            stale = []
            for form in request.forms(row, recipe, contract):
                path = artifact_path(row, contract.name, recipe, form)
                key = build_key(row, contract.name, recipe, form, source)
                if _up_to_date(out, plan.entries.get(path), key, plan.hashes):
                    plan.events.append(Event(path=path, outcome="kept"))
                    continue
                plan.entries.pop(path, None)
                found = store and _fetched(store, out, row, recipe, source, key, path)
                if found:
                    plan.entries[path] = found
                    plan.hashes.learn(inside(out, path), found.sha256)
                    plan.events.append(Event(path=path, outcome="cached"))
                else:
                    stale.append(form)
            if stale and (refusal := _refusal(out, row, recipe, source)) is not None:
                plan.events += [
                    Event(
                        path=artifact_path(row, contract.name, recipe, form), outcome="failed",
                        reason=refusal,
                    )
                    for form in stale
                ]  # fmt: skip
            elif stale:
                plan.jobs.append(
                    CaptureJob(
                        spec=row, program=contract.name, recipe=recipe, formats=tuple(stale),
                        weights=source,
                    )
                )  # fmt: skip
    plan.hashes.save()
    return plan


def tasks_of(out: Path, jobs: Sequence[CaptureJob]) -> list[Task]:
    """Return the tasks of jobs: captures in eight bits wait for the search of their tier.

    Args:
        out: The bundle, whose records save a search.
        jobs: Captures.
    """
    return list(_tasks(out, jobs))


def _tasks(out: Path, jobs: Sequence[CaptureJob]) -> Iterator[Task]:
    searches = _searches(out, jobs)
    for search in dict.fromkeys(searches.values()):
        yield _task(search, ())
    for job in jobs:
        needed = searches.get((job.spec, job.recipe))
        yield _task(job, () if needed is None else (name_of(needed),))


def _searches(out: Path, jobs: Sequence[CaptureJob]) -> dict[tuple[TierSpec, str], RecordJob]:
    """Return the job that finds what a tier is quantised with in a recipe, where one is needed."""
    missing: dict[TierSpec, dict[str, CaptureJob]] = {}
    for job in jobs:
        if not recipe_of(job.recipe).floating and not _recorded(out, job):
            missing.setdefault(job.spec, {}).setdefault(job.recipe, job)
    found = {}
    for spec, by_recipe in missing.items():
        weights = next(iter(by_recipe.values())).weights
        search = RecordJob(spec=spec, recipes=tuple(by_recipe), weights=weights)
        found.update(dict.fromkeys(((spec, recipe) for recipe in by_recipe), search))
    return found


def _task(job: Job, after: tuple[str, ...]) -> Task:
    return Task(
        name=name_of(job), job=job, after=after, seconds=expected_seconds(job),
        memory_bytes=expected_bytes(job),
    )  # fmt: skip


def _recorded(out: Path, job: CaptureJob) -> bool:
    key = quantisation_key(job.spec, job.recipe, job.weights)
    return known_record(out, job.spec, job.recipe, key) is not None


def _refusal(out: Path, row: TierSpec, recipe: str, weights: WeightsEntry) -> str | None:
    """Return why a recipe cannot hold a tier, where an earlier build found that out."""
    if recipe_of(recipe).floating:
        return None
    record = known_record(out, row, recipe, quantisation_key(row, recipe, weights))
    return record.refusal if record is not None and record.refused else None


def _up_to_date(out: Path, entry: Artifact | None, key: str, hashes: Hashes) -> bool:
    if entry is None or entry.build_key != key or fault(out, entry, hashes.of) is not None:
        return False
    record = entry.notes.get("quantisation")  # of eight bits: what it was made with
    return not isinstance(record, str) or inside(out, record).is_file()


def _fetched(
    store: Store,
    out: Path,
    row: TierSpec,
    recipe: str,
    weights: WeightsEntry,
    key: str,
    path: str,
) -> Artifact | None:
    """Return the entry of an artifact that the store had, with its record beside it."""
    if not recipe_of(recipe).floating:
        record = out / record_path(row, recipe)
        if not store.fetch_record(quantisation_key(row, recipe, weights), record):
            return None
    return store.fetch(key, path, out)
