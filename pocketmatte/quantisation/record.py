"""What a tier was quantised with, as a file of its bundle that all its formats are made from."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pydantic
from pydantic import BaseModel, ConfigDict
from torch import nn

from export.artifact import inside, write_text
from export.manifest import Sha256
from export.quantisation import Quantisation
from export.recipe import recipe as recipe_of
from pocketmatte.quantisation.calibration_set import calibration_scenes, manifest
from pocketmatte.quantisation.damage import Damage, damage
from pocketmatte.quantisation.sensitivity import TRIED_FRAMES, Block, search
from pocketmatte.quantisation.simulation import Simulation
from pocketmatte.results import FOLDER as RESULTS
from tiers.errors import BundleError, ExportError
from tiers.spec import TierSpec

# Of PyTorch: what is found must not depend on how many cores there are, nor does it wait for them
# where others are at work.
_THREADS = 1
_STABLE_FRAMES = 2  # of every scene, which both halves of the scenes are tried on


class QuantisationRecord(BaseModel):
    """All that a tier of one set of weights was quantised with.

    Attributes:
        key: Hash of what it follows from.
        calibration: Manifest of the calibration scenes.
        stability: Damage between what either half of the calibration scenes alone gives.
        all_rounded: Damage where every block is rounded.
        damage: Damage as it is.
        excess: Times what is allowed on the calibration scenes; above 1 the tier is not offered.
        ranking: Blocks by what rounding each alone does; empty where all could be rounded.
        programs: What each program is made with, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    schema_version: Literal[2]
    key: Sha256
    network: str
    tier: str
    recipe: str
    calibration: dict[str, pydantic.JsonValue]
    stability: Damage
    all_rounded: Damage
    damage: Damage
    excess: float
    ranking: tuple[Block, ...]
    programs: dict[str, Quantisation]

    @property
    def refused(self) -> bool:
        """Whether the tier loses too much in this recipe, whatever is kept."""
        return self.excess > 1

    @property
    def refusal(self) -> str:
        """Why it is, where it is."""
        return (
            f"{self.network} {self.tier} cannot be held in {self.recipe}: with three quarters of "
            f"its blocks in floating point it still loses {self.excess:.1f} times what is allowed "
            f"(MAD {self.damage.mad:.1e}, {self.damage.flipped:.1e} change sides); take fp16"
        )

    @property
    def mixed(self) -> bool:
        """Whether blocks are kept in floating point."""
        return any(each.kept for each in self.programs.values())


def record_path(spec: TierSpec, recipe: str) -> str:
    """Return where a tier's record lies in its bundle."""
    held = "-portrait" if spec.orientation == "portrait" else ""
    return f"{spec.network}/{spec.name}/quantisation-{recipe}{held}.json"


def refusal_path(spec: TierSpec, recipe: str) -> str:
    """Return where the record of a tier lies that a recipe cannot hold: a result, of no file."""
    held = "-portrait" if spec.orientation == "portrait" else ""
    return f"{RESULTS}/refused-{spec.network}-{spec.name}-{recipe}{held}.json"


def read_record(root: Path, spec: TierSpec, recipe: str) -> QuantisationRecord:
    """Read a tier's record.

    Raises:
        BundleError: If it is missing or damaged, or lies outside the bundle.
    """
    return _read(inside(root, record_path(spec, recipe)))


def known_record(root: Path, spec: TierSpec, recipe: str, key: str) -> QuantisationRecord | None:
    """Return a tier's record, of one that is refused too, where it follows from what it should.

    Args:
        root: The bundle.
        spec: The tier, oriented.
        recipe: Name of the recipe.
        key: Hash of all that it follows from.

    Raises:
        BundleError: If a link leads out of the bundle.
    """
    for path in (record_path(spec, recipe), refusal_path(spec, recipe)):
        place = inside(root, path)
        with contextlib.suppress(BundleError):
            record = _read(place)
            if record.key == key:
                return record
    return None


def _read(path: Path) -> QuantisationRecord:
    try:
        return QuantisationRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, pydantic.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"{path} cannot be read ({reason}); build the tier again"
        raise BundleError(msg) from error


def record_of(
    root: Path, spec: TierSpec, recipe: str, network: nn.Module, key: str
) -> QuantisationRecord:
    """Return a tier's record of one recipe; see ``records_of``.

    Raises:
        ExportError: If too many blocks would have to stay in floating point.
        BundleError: If the disk refuses.
    """
    record = records_of(root, spec, network, {recipe: key})[recipe]
    if record.refused:
        raise ExportError(record.refusal)
    return record


def records_of(
    root: Path, spec: TierSpec, network: nn.Module, keys: Mapping[str, str]
) -> dict[str, QuantisationRecord]:
    """Return a tier's records; they are made where there are none, or some with other keys.

    Several processes that ask for the same wait for the first of them.

    Args:
        root: The bundle.
        spec: The tier, oriented.
        network: The tier's network with weights.
        keys: Of each eight-bit recipe, the hash of all that its record follows from.

    Raises:
        BundleError: If the disk refuses.
    """
    with contextlib.ExitStack() as stack:
        for recipe in sorted(keys):
            stack.enter_context(_alone(inside(root, record_path(spec, recipe))))
        records: dict[str, QuantisationRecord] = {}
        for recipe, key in keys.items():
            if (record := known_record(root, spec, recipe, key)) is not None:
                records[recipe] = record
        missing = {recipe: key for recipe, key in keys.items() if recipe not in records}
        for recipe, record in made_records(spec, network, missing) if missing else ():
            _write(root, spec, recipe, record)
            records[recipe] = record
    return records


def _write(root: Path, spec: TierSpec, recipe: str, record: QuantisationRecord) -> None:
    """Write a record to its place, and leave none in the other."""
    place, other = record_path(spec, recipe), refusal_path(spec, recipe)
    if record.refused:
        place, other = other, place
    text = json.dumps(record.model_dump(mode="json"), sort_keys=True) + "\n"
    write_text(inside(root, place), text)
    inside(root, other).unlink(missing_ok=True)


def made_records(
    spec: TierSpec, network: nn.Module, keys: Mapping[str, str]
) -> Iterator[tuple[str, QuantisationRecord]]:
    """Calibrate a tier, and search, for one recipe after the other, what it has to keep.

    Recipes share the calibration. Arguments are as of ``records_of``.
    """
    simulation = Simulation(spec, network, _THREADS)
    named = calibration_scenes(spec)
    scenes = list(named.values())
    observed = simulation.observed(scenes, TRIED_FRAMES)
    calibration = manifest(spec, named)
    scenes = [scene[:TRIED_FRAMES] for scene in scenes]
    named.clear()  # of full HD a frame takes 33 MB
    starts = [scene[:_STABLE_FRAMES] for scene in scenes]
    for recipe, key in keys.items():
        activations = recipe_of(recipe).eight_bit == "weights and activations"
        made = observed.quantisations(activations)
        found = search(simulation, recipe, made, scenes, observed.outputs)
        halves = [
            simulation.outputs(starts, observed.quantisations(activations, half))
            for half in (slice(None, None, 2), slice(1, None, 2))
        ]
        yield (
            recipe,
            QuantisationRecord.model_validate(
                {
                    "schema_version": 2,
                    "key": key,
                    "network": spec.network,
                    "tier": spec.name,
                    "recipe": recipe,
                    "calibration": calibration,
                    "stability": damage(*halves),
                    "all_rounded": found.all_rounded,
                    "damage": found.damage,
                    "excess": found.excess,
                    "ranking": found.ranking,
                    "programs": dict(found.quantisations),
                }
            ),
        )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = path.parent / f".{path.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        msg = f"{lock} cannot be opened ({error.strerror}); delete it, or choose another folder"
        raise BundleError(msg) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
