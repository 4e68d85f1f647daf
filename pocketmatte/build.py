"""Build a bundle: any subset of networks, tiers, formats and recipes, only what is out of date."""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

from export.artifact import inside, remove_partials, sha256_of, size_bytes_of
from export.manifest import (
    FILE_NAME,
    Artifact,
    Frame,
    Manifest,
    contract_tensors,
    read_manifest,
    write_manifest,
)
from export.manifest import Weights as WeightsEntry
from export.recipe import recipe as recipe_of
from export.targets import TARGETS, target
from pocketmatte.bundle import bundle_weights, place_weights
from tiers.contract import contracts
from tiers.errors import PocketMatteError, UsageError
from tiers.ladder import tier as tier_of
from tiers.spec import Orientation, TierSpec
from tiers.weights import Weights, default, load

_TOOLS = ("torch", "onnx", "onnxscript", "onnxruntime", "coremltools", "executorch", "numpy")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to build.

    Attributes:
        network: Name of the network.
        tiers: Tier names.
        formats: Keys of ``export.targets.TARGETS``.
        recipes: Keys of ``export.recipe.RECIPES``.
        orientation: Of the frames.
        weights: A weight file, or ``None`` for the shipped ones.
    """

    network: str
    tiers: tuple[str, ...]
    formats: tuple[str, ...]
    recipes: tuple[str, ...]
    orientation: Orientation = "landscape"
    weights: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One artifact done.

    Attributes:
        path: Inside the bundle.
        outcome: ``built``, ``kept`` (up to date) or ``failed``.
        reason: Why it failed.
    """

    path: str
    outcome: Literal["built", "kept", "failed"]
    reason: str | None = None


def build(out: Path, request: Request, *, jobs: int = 1) -> Iterator[Event]:
    """Build what is out of date in the bundle ``out``; yield an event per artifact.

    The manifest is written after every group of artifacts, so that a run that is killed loses no
    more than the group it was at, and what it left half-written is never taken for whole.

    Raises:
        UsageError: If a name is unknown, ``jobs`` is no positive number, or ``out`` holds
            something other than a bundle. Raised before anything is written.
        CheckpointError: If the weights are corrupt or fit no asked tier.
        BundleError: If another build is at work in ``out``, or the disk refuses.
    """
    if jobs < 1:
        msg = f"--jobs is {jobs}; it must be 1 or more"
        raise UsageError(msg)
    rows = [tier_of(request.network, name).oriented(request.orientation) for name in request.tiers]
    for name in request.formats:
        target(name)
    for name in request.recipes:
        recipe_of(name)
    _require_bundle_or_nothing(out)
    weights = {row.name: _weights(row, request) for row in rows}
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        remove_partials(out)
        yield from _build(out, request, rows, weights, jobs)


def expected_paths(request: Request) -> list[str]:
    """Return the paths that ``request`` asks for, in build order."""
    rows = [tier_of(request.network, name) for name in request.tiers]
    return [
        artifact_path(row, contract.name, recipe, form)
        for row, recipe in itertools.product(rows, request.recipes)
        for contract in contracts(row)
        for form in request.formats
    ]


def artifact_path(spec: TierSpec, program: str, recipe: str, form: str) -> str:
    """Return where an artifact lies in its bundle."""
    return f"{spec.network}/{spec.name}/{program}-{recipe}{target(form).suffix}"


def export_file(path: Path, request: Request) -> dict[str, object]:
    """Write the one artifact of ``request`` to ``path`` and return what is known of it.

    Raises:
        CheckpointError: If the weights do not fit.
        ExportError: If the format cannot hold the program.
    """
    from export.program import capture
    from tiers.weights import network_of

    (name,), (form,), (recipe,) = request.tiers, request.formats, request.recipes
    spec = tier_of(request.network, name).oriented(request.orientation)
    weights = _weights(spec, request)
    (contract,) = contracts(spec)
    captured = capture(network_of(spec, weights), spec, contract.name, recipe_of(recipe))
    described = WeightsEntry(
        path=None, network=weights.network, digest=weights.sha256, origin=weights.origin,
        licence=weights.licence,
    )  # fmt: skip
    notes = target(form).export(
        captured, path, file_metadata(spec, contract.name, recipe, form, described)
    )
    return {
        "path": path,
        "outcome": "built",
        "sha256": sha256_of(path),
        "size_bytes": size_bytes_of(path),
        "notes": dict(notes),
        "weights": described.origin,
    }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One capture and the formats to write it in."""

    out: Path
    spec: TierSpec
    program: str
    recipe: str
    formats: tuple[str, ...]
    weights: WeightsEntry
    threads: int


def _build(
    out: Path,
    request: Request,
    rows: Sequence[TierSpec],
    weights: dict[str, Weights],
    jobs: int,
) -> Iterator[Event]:
    has_manifest = (out / FILE_NAME).is_file()
    before = read_manifest(out) if has_manifest else None
    entries = {entry.path: entry for entry in before.artifacts} if before else {}
    known = {entry.digest: entry for entry in before.weights} if before else {}
    todo: list[_Job] = []
    threads = max(1, (os.cpu_count() or 1) // jobs)
    for row, recipe in itertools.product(rows, request.recipes):
        placed = place_weights(out, weights[row.name])
        known[placed.digest] = placed
        for contract in contracts(row):
            stale = []
            for form in request.formats:
                path = artifact_path(row, contract.name, recipe, form)
                key = build_key(row, contract.name, recipe, form, placed.digest)
                if _up_to_date(out, entries.get(path), key):
                    yield Event(path=path, outcome="kept")
                else:
                    entries.pop(path, None)
                    stale.append(form)
            if stale:
                todo.append(
                    _Job(out=out, spec=row, program=contract.name, recipe=recipe,
                         formats=tuple(stale), weights=placed, threads=threads)
                )  # fmt: skip

    def save() -> None:
        used = {entry.weights_digest for entry in entries.values()}
        version = metadata.version("pocketmatte")
        whole = Manifest(
            pocketmatte=version,
            weights=[entry for digest, entry in known.items() if digest in used],
            artifacts=list(entries.values()),
        )
        write_manifest(out, whole)

    save()
    for results in _results(todo, jobs):
        for event, entry in results:
            if entry is not None:
                entries[entry.path] = entry
            yield event
        save()


def _results(todo: Sequence[_Job], jobs: int) -> Iterator[list[tuple[Event, Artifact | None]]]:
    if jobs == 1 or len(todo) <= 1:
        yield from map(_run, todo)
        return
    # spawn: a forked child of a process that has used torch's thread pool can hang
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(min(jobs, len(todo)), mp_context=context)
    try:
        futures = [pool.submit(_run, job) for job in todo]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        for job in todo:
            remove_partials(job.out)
        raise
    pool.shutdown()


def _run(job: _Job) -> list[tuple[Event, Artifact | None]]:
    """Capture once and write every format; a failure is an event, not the end of the build."""
    # imported here: a build that finds everything up to date never loads them
    import torch

    from export.program import capture
    from tiers.weights import network_of

    torch.set_num_threads(job.threads)
    paths = {form: artifact_path(job.spec, job.program, job.recipe, form) for form in job.formats}
    try:
        network = network_of(job.spec, bundle_weights(job.out, job.weights, job.spec))
        captured = capture(network, job.spec, job.program, recipe_of(job.recipe))
    except PocketMatteError as error:
        return [
            (Event(path=path, outcome="failed", reason=str(error)), None) for path in paths.values()
        ]
    results: list[tuple[Event, Artifact | None]] = []
    for form, relative in paths.items():
        path = job.out / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            notes = TARGETS[form].export(captured, path, _metadata(job, form))
        except PocketMatteError as error:
            event = Event(path=relative, outcome="failed", reason=str(error))
            results.append((event, None))
            continue
        entry = _entry(job, form, relative, dict(notes))
        results.append((Event(path=relative, outcome="built"), entry))
    return results


def file_metadata(
    spec: TierSpec, program: str, recipe: str, form: str, weights: WeightsEntry
) -> dict[str, str]:
    """Return what is written into the file itself."""
    contract = next(c for c in contracts(spec) if c.name == program)
    facts = {
        "network": spec.network,
        "tier": spec.name,
        "program": program,
        "recipe": recipe,
        "format": form,
        "frame_hw": "x".join(str(side) for side in spec.output_hw),
        "working_hw": "x".join(str(side) for side in spec.working_hw),
        "colour": "RGB 0..1",
        "states": json.dumps({pair.input: pair.output for pair in contract.states}),
        "weights_digest": weights.digest,
        "weights_origin": weights.origin,
        "weights_licence": weights.licence,
    }
    return {f"pocketmatte.{key}": value for key, value in facts.items()}


def _metadata(job: _Job, form: str) -> dict[str, str]:
    return file_metadata(job.spec, job.program, job.recipe, form, job.weights)


def _entry(job: _Job, form: str, relative: str, notes: dict[str, object]) -> Artifact:
    spec = job.spec
    contract = next(c for c in contracts(spec) if c.name == job.program)
    inputs, outputs, states = contract_tensors(contract, recipe_of(job.recipe).dtype)
    path = job.out / relative
    return Artifact.model_validate(
        {
            "path": relative,
            "network": spec.network,
            "tier": spec.name,
            "program": job.program,
            "format": form,
            "recipe": job.recipe,
            "sha256": sha256_of(path),
            "size_bytes": size_bytes_of(path),
            "frame": Frame(
                output_hw=list(spec.output_hw),
                working_hw=list(spec.working_hw),
                orientation=spec.orientation,
                colour_order="RGB",
                low=0.0,
                high=1.0,
            ),
            "inputs": inputs,
            "outputs": outputs,
            "states": states,
            "weights_digest": job.weights.digest,
            "tools": tool_versions(),
            "notes": notes,
            "build_key": build_key(spec, job.program, job.recipe, form, job.weights.digest),
        }
    )


def build_key(spec: TierSpec, program: str, recipe: str, form: str, digest: str) -> str:
    """Return the hash of all that decides an artifact's bytes."""
    parts = {
        "spec": dataclasses.asdict(spec),
        "program": program,
        "recipe": dataclasses.asdict(recipe_of(recipe)),
        "format": form,
        "weights": digest,
        "tools": tool_versions(),
        "source": _source_digest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tool_versions() -> dict[str, str]:
    """Return the versions of everything that takes part in an export."""
    return {name: metadata.version(name) for name in _TOOLS}


def _source_digest() -> str:
    import export
    import tiers

    total = hashlib.sha256()
    for package in (tiers, export):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def _weights(row: TierSpec, request: Request) -> Weights:
    return default(row) if request.weights is None else load(request.weights, request.network)


def _up_to_date(out: Path, entry: Artifact | None, key: str) -> bool:
    if entry is None or entry.build_key != key:
        return False
    path = inside(out, entry.path)
    return path.exists() and sha256_of(path) == entry.sha256


def _require_bundle_or_nothing(out: Path) -> None:
    if out.is_dir() and not (out / FILE_NAME).is_file():
        others = [
            p.name for p in out.iterdir() if not p.name.startswith(".") and p.name not in _OWN
        ]
        if others:
            msg = (
                f"{out} holds {', '.join(others[:3])} and no {FILE_NAME}; "
                "choose an empty or new folder"
            )
            raise UsageError(msg)
    elif out.exists() and not out.is_dir():
        msg = f"{out} is a file; choose a folder"
        raise UsageError(msg)


_OWN = frozenset({"rvm", "weights", "results"})  # a build killed before its first manifest


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another build is at work in {out}; wait for it or choose another folder"
            raise UsageError(msg) from error
        yield
