"""One job of a build: find out what a tier is quantised with, or capture and write the files."""

import contextlib
import gc
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from export.artifact import inside, sha256_of, size_bytes_of
from export.manifest import Artifact, Weights, contract_tensors
from export.program import Captured, capture
from export.quantise import quantised
from export.recipe import recipe as recipe_of
from export.targets import TARGETS, target
from pocketmatte.build_key import build_key, file_metadata, quantisation_key, tool_versions
from pocketmatte.bundle import bundle_weights, described
from pocketmatte.farm.jobs import CaptureJob, Done, Event, Job, RecordJob
from pocketmatte.host import forget_peak_memory, recent_peak_memory_bytes
from pocketmatte.integrity import frame_of
from pocketmatte.request import Request, artifact_path
from tiers.contract_table import contracts
from tiers.errors import ExportError, PocketMatteError
from tiers.spec import TierSpec
from tiers.weights import default, load, network_of

# Of PyTorch: capturing has no use for more, and they would wait for one another on a busy machine.
_THREADS = 1

Result: TypeAlias = tuple[Event, Artifact | None]  # the manifest's entry where it was built


def run(out: Path, job: Job) -> Done:
    """Do a job; what fails of it is an event, not the end of the build.

    Args:
        out: The bundle, which holds the weights.
        job: What to do.
    """
    forget_peak_memory()
    clock = _Clock()
    with _cleared_away():
        if isinstance(job, RecordJob):
            files = _searched(out, job, clock)
        else:
            files = _written(out, job, clock)
    return Done(files=tuple(files), stages=clock.stages, peak_bytes=recent_peak_memory_bytes())


@contextlib.contextmanager
def _cleared_away() -> Iterator[None]:
    """Leave nothing behind of what the block made: what a capture holds is held in cycles.

    Collections inside the block, coremltools asks for some, do not look at what was there before:
    the converters themselves, half a million objects.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - start


def _searched(out: Path, job: RecordJob, clock: _Clock) -> list[Result]:
    """Make the records of a tier; why one cannot be made is said by the files that need it."""
    from pocketmatte.quantisation.record import records_of

    with contextlib.suppress(PocketMatteError), clock.stage("search"), _given_up("search"):
        network = network_of(job.spec, bundle_weights(out, job.weights, job.spec))
        keys = {name: quantisation_key(job.spec, name, job.weights) for name in job.recipes}
        records_of(out, job.spec, network, keys)
    return []


def _written(out: Path, job: CaptureJob, clock: _Clock) -> list[Result]:
    """Capture once and write every format."""
    torch.set_num_threads(_THREADS)
    paths = {form: artifact_path(job.spec, job.program, job.recipe, form) for form in job.formats}
    try:
        with clock.stage("capture"), _given_up("capture"):
            network = network_of(job.spec, bundle_weights(out, job.weights, job.spec))
            captured, made_with = _captured(
                out, network, job.spec, job.program, job.recipe, job.weights
            )
    except PocketMatteError as error:
        return [(_failed(path, error), None) for path in paths.values()]
    results: list[Result] = []
    for form, relative in paths.items():
        metadata = file_metadata(job.spec, job.program, job.recipe, form, job.weights)
        try:
            with clock.stage(form), _given_up(form):
                notes = TARGETS[form].export(captured, inside(out, relative), metadata)
        except PocketMatteError as error:
            results.append((_failed(relative, error), None))
        else:
            entry = _entry(out, job, form, relative, {**notes, **made_with})
            event = Event(path=relative, outcome="built", seconds=clock.stages[form])
            results.append((event, entry))
    return results


@contextlib.contextmanager
def _given_up(stage: str) -> Iterator[None]:
    """Tell what a library fails with as a failure of the file that it was at.

    Raises:
        ExportError: If it fails.
    """
    try:
        yield
    except PocketMatteError:
        raise
    except Exception as error:  # of converters, which have none in common
        reason = str(error).strip().partition("\n")[0]
        msg = f"{stage} gave up: {type(error).__name__}: {reason}; export it alone to see where"
        raise ExportError(msg) from error


def export_file(path: Path, request: Request) -> dict[str, object]:
    """Write the one artifact of ``request`` to ``path`` and return what is known of it.

    Raises:
        BundleError: If the disk refuses.
        CheckpointError: If the weights do not fit.
        ExportError: If the format cannot hold the program.
    """
    (form,) = request.formats
    ((spec, recipe, contract),) = request.captures()
    weights = default(spec) if request.weights is None else load(request.weights, spec.network)
    network = network_of(spec, weights)
    with tempfile.TemporaryDirectory() as folder:  # for what belongs to no bundle
        captured, made_with = _captured(
            Path(folder), network, spec, contract.name, recipe, described(weights)
        )
    made_with.pop("quantisation", None)
    metadata = file_metadata(spec, contract.name, recipe, form, described(weights))
    notes = target(form).export(captured, path, metadata)
    return {
        "path": path,
        "outcome": "built",
        "sha256": sha256_of(path),
        "size_bytes": size_bytes_of(path),
        "notes": {**notes, **made_with},
        "weights": weights.origin,
    }


def _captured(
    root: Path,
    network: nn.Module,
    spec: TierSpec,
    program: str,
    recipe: str,
    weights: Weights,
) -> tuple[Captured, dict[str, object]]:
    """Return a program in its recipe, and what the manifest says about how it was rounded.

    Raises:
        ExportError: If it cannot be captured, or the tier cannot be held in eight bits.
        BundleError: If the disk refuses.
    """
    if recipe_of(recipe).floating:
        return capture(network, spec, program, recipe_of(recipe)), {}
    from pocketmatte.quantisation.record import record_of, record_path

    key = quantisation_key(spec, recipe, weights)
    record = record_of(root, spec, recipe, network, key)
    captured = capture(network, spec, program, recipe_of(recipe))
    quantisation = record.programs[program]
    notes: dict[str, object] = {
        "quantisation": record_path(spec, recipe),
        "calibration": record.calibration["sha256"],
        "mixed": record.mixed,
        "kept": dict(quantisation.kept),
    }
    return quantised(captured, quantisation), notes


def _failed(path: str, error: PocketMatteError) -> Event:
    return Event(path=path, outcome="failed", reason=str(error))


def _entry(
    out: Path, job: CaptureJob, form: str, relative: str, notes: dict[str, object]
) -> Artifact:
    spec = job.spec
    contract = next(c for c in contracts(spec) if c.name == job.program)
    inputs, outputs, states = contract_tensors(contract, recipe_of(job.recipe).dtype)
    path = out / relative
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
            "frame": frame_of(spec),
            "inputs": inputs,
            "outputs": outputs,
            "states": states,
            "weights_digest": job.weights.digest,
            "tools": tool_versions(form),
            "notes": notes,
            "build_key": build_key(spec, job.program, job.recipe, form, job.weights),
        }
    )
