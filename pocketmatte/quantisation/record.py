"""What a tier was quantised with, as a file of its bundle that all its formats are made from."""

import contextlib
import dataclasses
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from export.artifact import write_text
from export.manifest import Sha256
from export.quantisation import Quantisation
from pocketmatte.quantisation.calibration_set import CalibrationSet
from pocketmatte.quantisation.damage import damage
from pocketmatte.quantisation.sensitivity import Found, search
from pocketmatte.quantisation.simulation import Simulation
from tiers.errors import BundleError, ExportError
from tiers.spec import TierSpec

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Damaged(_Model):
    """See ``damage.Damage``; ``psnr_db`` is ``None`` where nothing differs."""

    mad: _Finite
    flipped: _Finite
    psnr_db: _Finite | None


class Ranked(_Model):
    """See ``sensitivity.Block``."""

    program: str
    block: str
    excess: _Finite
    damage: Damaged


class ProgramRecord(_Model):
    """See ``export.quantisation.Quantisation``."""

    spans: dict[str, tuple[_Finite, _Finite]]
    shifts: dict[str, tuple[_Finite, ...]]
    kept: dict[str, str]


class QuantisationRecord(_Model):
    """All that a tier of one set of weights was quantised with.

    Attributes:
        key: Hash of what it follows from.
        calibration: Manifest of the calibration set.
        stability: Damage between what either half of the calibration set alone gives.
        all_rounded: Damage where every block is rounded.
        damage: Damage as it is.
        excess: Times what is allowed on the calibration set; above 1 the tier is not offered.
        ranking: Blocks by what rounding each alone does; empty where all could be rounded.
        programs: By name.
    """

    schema_version: Literal[1]
    key: Sha256
    network: str
    tier: str
    recipe: str
    calibration: dict[str, pydantic.JsonValue]
    stability: Damaged
    all_rounded: Damaged
    damage: Damaged
    excess: _Finite
    ranking: list[Ranked]
    programs: dict[str, ProgramRecord]

    def quantisation(self, program: str) -> Quantisation:
        """Return what one program is made with."""
        held = self.programs[program]
        return Quantisation(spans=held.spans, shifts=held.shifts, kept=held.kept)

    @property
    def mixed(self) -> bool:
        """Whether blocks are kept in floating point."""
        return any(each.kept for each in self.programs.values())


def record_path(spec: TierSpec, recipe: str) -> str:
    """Return where a tier's record lies in its bundle."""
    held = "-portrait" if spec.orientation == "portrait" else ""
    return f"{spec.network}/{spec.name}/quantisation-{recipe}{held}.json"


def read_record(root: Path, spec: TierSpec, recipe: str) -> QuantisationRecord:
    """Read a tier's record.

    Raises:
        BundleError: If it is missing or damaged.
    """
    path = root / record_path(spec, recipe)
    try:
        return QuantisationRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, pydantic.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"{path} cannot be read ({reason}); build the tier again"
        raise BundleError(msg) from error


def record_of(
    root: Path, spec: TierSpec, recipe: str, network: nn.Module, key: str, threads: int
) -> QuantisationRecord:
    """Return a tier's record; it is made where there is none, or one with another key.

    Several processes that ask for the same wait for the first of them.

    Args:
        root: The bundle.
        spec: The tier, oriented.
        recipe: Name of an eight-bit recipe.
        network: The tier's network with weights.
        key: Hash of all that the record follows from.
        threads: Of PyTorch.

    Raises:
        ExportError: If too many blocks would have to stay in floating point.
        BundleError: If the disk refuses.
    """
    path = root / record_path(spec, recipe)
    with _alone(path):
        record: QuantisationRecord | None = None
        with contextlib.suppress(BundleError):
            record = read_record(root, spec, recipe)
        if record is None or record.key != key:
            record = made_record(spec, recipe, network, key, threads)
            write_text(path, json.dumps(record.model_dump(mode="json"), sort_keys=True) + "\n")
    if record.excess > 1:
        msg = (
            f"{spec.network} {spec.name} cannot be held in {recipe}: with three quarters of its "
            f"blocks in floating point it still loses {record.excess:.1f} times what is allowed "
            f"(MAD {record.damage.mad:.1e}, {record.damage.flipped:.1e} change sides); take fp16"
        )
        raise ExportError(msg)
    return record


def made_record(
    spec: TierSpec, recipe: str, network: nn.Module, key: str, threads: int
) -> QuantisationRecord:
    """Calibrate a tier and search what it has to keep."""
    simulation = Simulation(spec, network, recipe, threads)
    whole = CalibrationSet()
    scenes = list(whole.scenes(spec))
    found = search(simulation, simulation.calibrated(scenes), scenes)
    halves = [
        simulation.outputs(scenes, simulation.calibrated(CalibrationSet(half=half).scenes(spec)))
        for half in ("first", "second")
    ]
    return QuantisationRecord(
        schema_version=1,
        key=key,
        network=spec.network,
        tier=spec.name,
        recipe=recipe,
        calibration=json.loads(json.dumps(whole.manifest(spec))),
        stability=_damaged(dataclasses.asdict(damage(*halves))),
        all_rounded=_damaged(dataclasses.asdict(found.all_rounded)),
        damage=_damaged(dataclasses.asdict(found.damage)),
        excess=found.excess,
        ranking=_ranking(found),
        programs={
            name: ProgramRecord(
                spans=dict(each.spans), shifts=dict(each.shifts), kept=dict(each.kept)
            )
            for name, each in found.quantisations.items()
        },
    )


def _ranking(found: Found) -> list[Ranked]:
    return [
        Ranked(
            program=block.program,
            block=block.name,
            excess=block.excess,
            damage=_damaged(dataclasses.asdict(block.damage)),
        )
        for block in found.ranking
    ]


def _damaged(values: dict[str, float]) -> Damaged:
    psnr_db = values["psnr_db"]
    return Damaged(
        mad=values["mad"],
        flipped=values["flipped"],
        psnr_db=None if psnr_db == float("inf") else psnr_db,
    )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
