"""A training run on tiny clips: its loss falls, it resumes to the bit, and damage is told."""

import dataclasses
import inspect
import json
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pocketmatte.commands.training import train
from pocketmatte.training.batches import fixed_batches
from pocketmatte.training.elastic import Elastic
from pocketmatte.training.finishing import opened, write_checkpoint
from pocketmatte.training.journal import FILE_NAME, journal
from pocketmatte.training.run import Run
from pocketmatte.training.run_options import Progress
from pocketmatte.training.stages import Stage, prolonged, total_steps
from pocketmatte.training.start import start_of
from pocketmatte.training.task import Tensors
from tests.training.tiny_runs import FIRST, OPTIONS, SECOND, Tiny
from tiers.errors import CheckpointError, UsageError
from tiers.ladder import tier
from tiers.networks.rvm import Rvm
from tiers.weights import load, network_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Progress]]:
    torch.set_num_threads(1)
    run, said = Run(Tiny(), tmp_path_factory.mktemp("whole"), OPTIONS), list[Progress]()
    run.train(said.append)
    return run, said


def same(first: Run, second: Run) -> bool:
    a, b = first.elastic.state_dict(), second.elastic.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_run_goes_through_its_stages_and_is_judged(whole: tuple[Run, list[Progress]]) -> None:
    run, said = whole
    assert run.done
    assert [each.step for each in said] == [1, 2, 3, 4, 5]
    assert [each.stage for each in said] == ["first"] * 3 + ["second"] * 2
    assert [each.judged is not None for each in said] == [False, False, True, True, True]
    assert sorted(path.name for path in run.folder.iterdir()) == ["best.pt", "last.pt"]


def test_a_run_that_is_stopped_after_each_step_ends_at_the_same_weights(
    whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    options = dataclasses.replace(OPTIONS, minutes=0.0)
    steps: list[int] = []
    run = Run(Tiny(), tmp_path, options)
    while not run.done:
        run.train(lambda progress: steps.append(progress.step))
        run = Run(Tiny(), tmp_path, options)
    assert steps == [1, 2, 3, 4, 5]
    assert same(run, whole[0])


def test_a_run_does_not_go_on_with_other_data(
    whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="is a run of data 'self-made', not \"the user's own"):
        Run(Tiny(), whole[0].folder, dataclasses.replace(OPTIONS, data=tmp_path))


class Growing(Tiny):
    """Reaches wider rows in its second stage."""

    recipes: Mapping[str, tuple[Stage, ...]] = {
        "tiny": (dataclasses.replace(FIRST, widest="t02"), SECOND)
    }


def test_rows_begin_as_what_was_trained_before_and_a_stopped_run_agrees(tmp_path: Path) -> None:
    whole, steps = Run(Growing(), tmp_path / "whole", OPTIONS), list[Progress]()
    begun = whole.elastic.forms["t05"].get_parameter("network.aspp.aspp1.1.weight").clone()
    trained: list[bool] = []

    def tell(progress: Progress) -> None:
        steps.append(progress)
        now = whole.elastic.forms["t05"].get_parameter("network.aspp.aspp1.1.weight")
        trained.append(not torch.equal(now, begun))

    whole.train(tell)
    assert trained == [False, False, False, True, True]  # as t02 was, from the second stage on
    options = dataclasses.replace(OPTIONS, minutes=0.0)
    run = Run(Growing(), tmp_path / "stopped", options)
    while not run.done:
        run.train(lambda _: None)
        run = Run(Growing(), tmp_path / "stopped", options)
    assert same(run, whole)


def test_clips_that_are_kept_are_drawn_again_and_a_stopped_run_agrees(tmp_path: Path) -> None:
    kept = dataclasses.replace(OPTIONS, kept_clips=2)
    whole = Run(Tiny(), tmp_path / "whole", kept)
    whole.train(lambda _: None)
    folders = sorted(path.name for path in (tmp_path / "whole/clips").iterdir())
    assert folders == ["2x32x48", "2x64x96"]
    assert len(list((tmp_path / "whole/clips/2x32x48").glob("*.npy"))) == 2
    options = dataclasses.replace(kept, minutes=0.0)
    run = Run(Tiny(), tmp_path / "stopped", options)
    while not run.done:
        run.train(lambda _: None)
        run = Run(Tiny(), tmp_path / "stopped", options)
    assert same(run, whole)
    with pytest.raises(CheckpointError, match="is a run of kept_clips 2, not None"):
        Run(Tiny(), tmp_path / "whole", OPTIONS)


def test_another_seed_gives_other_weights(
    whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    run = Run(Tiny(), tmp_path, dataclasses.replace(OPTIONS, seed=1))
    run.train(lambda _: None)
    assert not same(run, whole[0])


def test_ctrl_c_ends_the_step_saves_and_goes_on_later(
    whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupt(progress: Progress) -> None:
        if progress.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Run(Tiny(), tmp_path, OPTIONS).train(interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    run = Run(Tiny(), tmp_path, OPTIONS)
    assert 1 <= run.step <= 2
    run.train(lambda _: None)
    assert same(run, whole[0])


def test_the_loss_of_one_batch_falls_to_a_half(tmp_path: Path) -> None:
    stage = dataclasses.replace(FIRST, steps=240, learning_rate=(3e-3, 3e-3))
    task = Tiny()
    run = Run(task, tmp_path, OPTIONS)
    (batch,) = fixed_batches(task, task.source(stage, None, 0), stage, 1, seed=0)
    losses = []
    for run.step in range(200, 240):  # after the warm-up
        losses.append(run._train_step(stage, 0, batch)[0])
    assert sum(losses[-5:]) < sum(losses[:5]) / 2


def test_the_checkpoint_is_what_every_row_was_trained_to(
    whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    run, path = whole[0], tmp_path / "rvm.safetensors"
    write_checkpoint(run.task, run.elastic, path, origin="a test", licence="MIT")
    weights = load(path, "rvm")
    run.elastic.eval()
    frame = torch.rand(1, 1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    for name in ("t01", "t05", "t08"):
        spec = tier("rvm", name)
        with torch.no_grad():
            trained = run.elastic(name, {"frames": frame}, 1.0)["alpha"][:, 0]
            network = network_of(spec, weights)
            assert isinstance(network, Rvm)
            _, shipped, *_ = network.matte(frame[:, 0], None, 1.0)
        torch.testing.assert_close(shipped, trained, atol=2e-3, rtol=1e-2)  # halves of weights
    again = opened(run.task, path).export_state()
    assert all(torch.equal(again[key], value) for key, value in run.elastic.export_state().items())


class Failing(Tiny):
    """Gives a loss that is no number."""

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:
        held = super().losses(predicted, batch, progress)
        return {name: each * torch.nan for name, each in held.items()}


def test_a_step_of_nan_moves_no_weight(tmp_path: Path) -> None:
    task = Failing()
    run = Run(task, tmp_path, OPTIONS)
    before = [each.detach().clone() for _, each in run.elastic.trainable()]
    (batch,) = fixed_batches(task, task.source(FIRST, None, 0), FIRST, 1, seed=0)
    run._train_step(FIRST, 0, batch)
    assert all(
        torch.equal(was, now) for was, (_, now) in zip(before, run.elastic.trainable(), strict=True)
    )


class Worsening(Tiny):
    """Errs more with every step."""

    recipes: Mapping[str, tuple[Stage, ...]] = {"tiny": (FIRST,)}
    calls = 0

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:  # noqa: ARG002
        self.calls += 1
        return torch.tensor(float(self.calls))


def test_the_best_run_is_kept_and_not_the_last_one(tmp_path: Path) -> None:
    run = Run(Worsening(), tmp_path, dataclasses.replace(OPTIONS, judge_every=1))
    run.train(lambda _: None)
    steps = [torch.load(tmp_path / f"{name}.pt")["step"] for name in ("best", "last")]
    assert steps == [1, 3]


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    elastic = Elastic(Tiny())
    with torch.no_grad():
        full = elastic.forms[elastic.full]
        full.get_parameter("network.project_mat.conv.bias")[0] = torch.nan
    with pytest.raises(CheckpointError, match=r"project_mat\.conv\.bias is not fin") as told:
        write_checkpoint(
            Tiny(), elastic, tmp_path / "rvm.safetensors", origin="a test", licence="MIT"
        )
    assert not list(tmp_path.iterdir())
    named = re.findall(r"--([a-z-]+)", str(told.value))
    assert named == ["seed", "out", "precision"]
    assert inspect.signature(train).parameters.keys() >= set(named)


@pytest.mark.parametrize("damage", [b"", b"no zip", None])
def test_a_damaged_run_is_told_in_one_line(
    whole: tuple[Run, list[Progress]], tmp_path: Path, damage: bytes | None
) -> None:
    content = (whole[0].folder / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(content[:-1000] if damage is None else damage)
    with pytest.raises(CheckpointError, match=r"last.pt cannot be read .*best.pt") as caught:
        Run(Tiny(), tmp_path, OPTIONS)
    assert "\n" not in str(caught.value)


def test_a_run_of_another_recipe_or_seed_is_not_gone_on_with(
    whole: tuple[Run, list[Progress]],
) -> None:
    for change, said in (({"recipe": "other"}, "recipe 'tiny'"), ({"seed": 3}, "seed 0, not 3")):
        with pytest.raises(CheckpointError, match=f"is a run of {said}"):
            Run(Tiny(), whole[0].folder, dataclasses.replace(OPTIONS, **change))


def test_the_journal_holds_every_judgement(
    whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    with journal(tmp_path, tensorboard=False) as write:
        for progress in whole[1]:
            write(progress)
    lines = [json.loads(line) for line in (tmp_path / FILE_NAME).read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 4, 5]
    assert lines[0] == dataclasses.asdict(whole[1][2])


class Lacking(Tiny):
    recipes: Mapping[str, tuple[Stage, ...]] = {
        "tiny": (
            dataclasses.replace(FIRST, widest="t02"), dataclasses.replace(SECOND, widest="t04"),
        )
    }  # fmt: skip


def test_rows_that_a_start_lacks_begin_as_what_was_trained_before_them(tmp_path: Path) -> None:
    """``t04`` grows from the ``t02`` of the first stage, not from what the start had of it."""
    narrow = Elastic(Tiny(), "t01")
    write_checkpoint(Tiny(), narrow, tmp_path / "t01.safetensors", origin="a test", licence="MIT")
    start = start_of(str(tmp_path / "t01.safetensors"))
    run = Run(Lacking(), tmp_path / "run", dataclasses.replace(OPTIONS, widest="t04"), None, start)
    first, second = run.stages
    run._reach(first)
    with torch.no_grad():
        for key, parameter in run.elastic.forms["t02"].named_parameters():
            if parameter.requires_grad:  # its own BatchNorm, as training moves it
                parameter.add_(0.1 * torch.randn_like(parameter))
                assert key.rpartition(".")[2] in {"weight", "bias"}
    run._reach(second)
    run.elastic.eval()
    (batch,) = fixed_batches(Tiny(), Tiny().source(FIRST, None, 0), FIRST, 1, seed=0)
    with torch.no_grad():
        alphas = [run.elastic(row, batch, 1.0)["alpha"] for row in ("t02", "t04")]
    torch.testing.assert_close(*alphas, rtol=0, atol=1e-4)


def test_of_a_start_the_asked_rows_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "t03.safetensors"
    write_checkpoint(Tiny(), Elastic(Tiny(), "t03"), path, origin="a test", licence="MIT")
    whole, part = start_of(str(path)), start_of(f"t02={path}")
    assert list(part.elastic.specs) == ["t01", "t02"]
    assert part.made_of == f"t02={whole.made_of}"
    with pytest.raises(UsageError, match=r"t03.safetensors has no row 't04'; it has t01, t02, t03"):
        start_of(f"t04={path}")


def test_a_longer_run_makes_so_many_times_the_steps(tmp_path: Path) -> None:
    run = Run(Tiny(), tmp_path, dataclasses.replace(OPTIONS, longer=3))
    assert run.total == 3 * total_steps(Tiny.recipes["tiny"])
    run.save("last.pt")
    with pytest.raises(CheckpointError, match="is a run of longer 3, not 1"):
        Run(Tiny(), tmp_path, OPTIONS)
    with pytest.raises(ValueError, match="0 times as long; it must be 1 or more"):
        prolonged((FIRST,), 0)
