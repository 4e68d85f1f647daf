"""What a build is made of: jobs, what they depend on, what they take, and what they come to."""

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

from export.manifest import Artifact
from export.manifest import Weights as WeightsEntry
from export.recipe import recipe as recipe_of
from pocketmatte.quantisation.record import record_path, refusal_path
from tiers.spec import TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One artifact done.

    Attributes:
        path: Inside the bundle.
        outcome: ``built``, ``cached`` (copied from what an earlier build made), ``kept`` (up to
            date), ``failed``, or ``dropped``: a package whose files are built again, or a trace of
            other weights.
        reason: Why it failed or was dropped.
        seconds: That writing it took, its share of the capture left out; of built ones.
        expected_seconds: What it was taken to need, of all that went into it.
    """

    path: str
    outcome: Literal["built", "cached", "kept", "failed", "dropped"]
    reason: str | None = None
    seconds: float | None = None
    expected_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordJob:
    """Find out what a tier is quantised with; all its programs and formats are made from that.

    Attributes:
        spec: The tier, oriented.
        recipes: Names of eight-bit recipes, which share the calibration.
        weights: The bundle's entry of the weights.
    """

    spec: TierSpec
    recipes: tuple[str, ...]
    weights: WeightsEntry


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CaptureJob:
    """Capture a program once and write it in some formats.

    Attributes:
        spec: The tier, oriented.
        program: Name of the program.
        recipe: Name of the recipe.
        formats: Keys of ``export.targets.TARGETS``.
        weights: The bundle's entry of the weights.
    """

    spec: TierSpec
    program: str
    recipe: str
    formats: tuple[str, ...]
    weights: WeightsEntry


Job: TypeAlias = RecordJob | CaptureJob


def records_with(job: Job) -> dict[str, tuple[str, ...]]:
    """Return where in the bundle the records may lie that a job makes or needs, by recipe."""
    recipes = job.recipes if isinstance(job, RecordJob) else (job.recipe,)
    eight_bit = [name for name in recipes if not recipe_of(name).floating]
    return {name: (record_path(job.spec, name), refusal_path(job.spec, name)) for name in eight_bit}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What a job came to.

    Attributes:
        files: An event for each artifact, and the manifest's entry of those that were built.
        stages: Seconds by stage: ``capture``, ``search`` (calibration with it), and each format.
        peak_bytes: The most memory that the process held during the job; 0 where nobody can tell.
    """

    files: tuple[tuple[Event, Artifact | None], ...]
    stages: Mapping[str, float]
    peak_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A job and what is to be known before it starts.

    Attributes:
        name: Of its own among all tasks.
        job: What to do.
        after: Names of tasks that must have ended.
        seconds: It is expected to take.
        memory_bytes: It is expected to need, beside nothing else in its process.
    """

    name: str
    job: Job
    after: tuple[str, ...]
    seconds: float
    memory_bytes: int


def name_of(job: Job) -> str:
    """Return the name of a job's task."""
    spec = job.spec
    held = "-portrait" if spec.orientation == "portrait" else ""
    what = (
        f"search-{'-'.join(job.recipes)}"
        if isinstance(job, RecordJob)
        else f"{job.program}-{job.recipe}"
    )
    return f"{spec.network}/{spec.name}{held}/{what}"
