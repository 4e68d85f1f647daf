"""Rows that are held, and weights that rows share, stay to the bit while the others learn."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from pocketmatte.training.elastic import Elastic
from pocketmatte.training.finishing import write_checkpoint
from pocketmatte.training.run import Run
from pocketmatte.training.stages import Stage
from pocketmatte.training.start import start_of
from pocketmatte.training.tasks import TASKS
from pocketmatte.training.tasks.rvm import RvmTask
from tests.training.tiny_runs import FIRST, OPTIONS, Tiny
from tiers.errors import UsageError

pytestmark = pytest.mark.usefixtures("one_thread")


class Wider(RvmTask):
    recipes: Mapping[str, tuple[Stage, ...]] = {"tiny": (dataclasses.replace(FIRST, held="t02"),)}


def test_a_row_that_is_held_stays_to_the_bit_while_wider_ones_learn(tmp_path: Path) -> None:
    trained = Elastic(Tiny(), "t02")
    write_checkpoint(Tiny(), trained, tmp_path / "t02.safetensors", origin="a test", licence="MIT")
    start = start_of(str(tmp_path / "t02.safetensors"))
    options = dataclasses.replace(OPTIONS, widest="t04", save_every=1)
    run = Run(Wider(), tmp_path / "run", options, None, start)
    assert run.rows == ["t03", "t04"]
    before = run.elastic.export_state()
    run.train(lambda _: None)
    after = run.elastic.export_state()
    for row in ("t01", "t02"):
        assert all(torch.equal(before[key], after[key]) for key in before if key.startswith(row))
        held = start.elastic.slices(row) or dict(start.elastic.forms[row].named_parameters())
        assert all(torch.equal(each, held[key]) for key, each in run.elastic.slices(row).items())
    wide = [key for key in before if key.startswith("t04") and key.endswith("running_mean")]
    run_through = [key for key in wide if "refiner" not in key]  # at a ratio of 1 nothing refines
    assert not any(torch.equal(before[key], after[key]) for key in run_through)
    moved = {key: (before[key] != after[key]) for key in before if key.startswith("shared")}
    assert any(each.any() for each in moved.values())
    assert not all(each.all() for each in moved.values())


def test_rows_are_not_held_that_nothing_trained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"stage first holds t02 .*give a --start that has it"):
        Run(Wider(), tmp_path, dataclasses.replace(OPTIONS, widest="t04"))
    with pytest.raises(UsageError, match=r"trains what is wider than t02, and --widest is t02"):
        Run(Wider(), tmp_path, dataclasses.replace(OPTIONS, widest="t02"))


def test_a_row_to_hold_is_no_wider_than_the_run(tmp_path: Path) -> None:
    path = tmp_path / "t02.safetensors"
    write_checkpoint(Tiny(), Elastic(Tiny(), "t02"), path, origin="a test", licence="MIT")
    narrow = dataclasses.replace(OPTIONS, widest="t01")
    for start in (None, start_of(str(path))):
        with pytest.raises(UsageError, match=r"is wider than t02, and --widest is t01; give a"):
            Run(Wider(), tmp_path / "run", narrow, None, start)


class OfNorms(RvmTask):
    recipes: Mapping[str, tuple[Stage, ...]] = {
        "tiny": (dataclasses.replace(FIRST, name="norms", norms_alone=True),)
    }


def test_norms_alone_are_trained_row_by_row_at_its_own_size(tmp_path: Path) -> None:
    write_checkpoint(
        Tiny(), Elastic(Tiny(), "t02"), tmp_path / "t02.safetensors", origin="a test", licence="MIT"
    )
    start = start_of(str(tmp_path / "t02.safetensors"))
    run = Run(OfNorms(), tmp_path / "run", dataclasses.replace(OPTIONS, widest="t02"), None, start)
    assert [(stage.name, stage.size_hw) for stage in run.stages] == [
        (f"norms of {row}", spec.output_hw) for row, spec in run.elastic.specs.items()
    ]
    before = run.elastic.export_state()
    states = [before]
    run.train(lambda _: states.append(run.elastic.export_state()))
    after_one, after = states[FIRST.steps], states[-1]
    weights = [key for key in before if key.rpartition(".")[2] in {"weight", "bias"}]
    for row, (old, new) in {"t01": (before, after_one), "t02": (after_one, after)}.items():
        changed = {key for key in before if not torch.equal(old[key], new[key])}
        assert changed
        assert all(key.startswith(f"{row}.") for key in changed)
        assert changed & set(weights)


def test_norms_alone_are_not_trained_of_convolutions_that_nothing_trained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"stage norms of t01 trains nothing but .*--start that"):
        Run(OfNorms(), tmp_path / "run", OPTIONS)


def test_of_norms_the_asked_rows_are_trained(tmp_path: Path) -> None:
    path = tmp_path / "t02.safetensors"
    write_checkpoint(Tiny(), Elastic(Tiny(), "t02"), path, origin="a test", licence="MIT")
    start = start_of(str(path))
    options = dataclasses.replace(OPTIONS, widest="t02", rows=("t02",))
    assert Run(OfNorms(), tmp_path / "run", options, None, start).rows == ["t02"]
    strange = dataclasses.replace(options, rows=("t02", "t07"))
    with pytest.raises(UsageError, match=r"no row 't07' to train; there are t01, t02"):
        Run(OfNorms(), tmp_path / "run", strange, None, start)
    with pytest.raises(UsageError, match=r"--rows t02 is for the recipe norms"):
        Run(Tiny(), tmp_path / "run", options, None, start)


def test_every_network_has_a_recipe_of_norms() -> None:
    for task in TASKS.values():
        (stage,) = task.recipes["norms"]
        assert stage.norms_alone
        assert stage.ratio is None
