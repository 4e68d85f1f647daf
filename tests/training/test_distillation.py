"""A teacher of the user's own: which are taken, which are refused, and what they do."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pocketmatte.training.batches import Share, fixed_batches
from pocketmatte.training.distillation import Teacher, teacher_of
from pocketmatte.training.run import Run
from pocketmatte.training.run_options import Options
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Task, Tensors
from pocketmatte.training.tasks.foreground import ForegroundTask
from pocketmatte.training.tasks.fusion import FusionTask
from pocketmatte.training.tasks.propagation import PropagationTask
from pocketmatte.training.tasks.rvm import RvmTask
from pocketmatte.training.tasks.scribble import ScribbleTask
from tiers.checkpoint import write_safetensors
from tiers.errors import CheckpointError, UnknownTierError, UsageError
from tiers.ladder import tier
from tiers.networks.rvm import Rvm
from tiers.weights import network_of, untrained

STAGE = Stage(
    name="only", steps=60, size_hw=(32, 48), ratio=1.0, length=2, batch=2,
    learning_rate=(3e-3, 3e-3), distillation=1.0,
)  # fmt: skip
OPTIONS = Options(
    recipe="tiny", data=None, seed=0, workers=0, device=torch.device("cpu"), bfloat16=False,
    compiled=False, share=Share(), save_every=60, judge_every=60, widest="t02", minutes=None,
)  # fmt: skip


class TeacherAlone(RvmTask):
    """Learns from its teacher and from nothing else."""

    recipes: Mapping[str, tuple[Stage, ...]] = {"tiny": (STAGE,)}

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        return {"nothing": 0 * predicted["alpha"].sum()}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "t02.safetensors"
    weights = untrained(tier("rvm", "t02"))
    write_safetensors(path, weights.tensors, {**weights.metadata, "licence": "GPL-3.0"})
    return path


@pytest.fixture
def teacher(file: Path) -> Teacher:
    return teacher_of(RvmTask(), f"t02={file}")


def test_a_teacher_predicts_what_its_network_does(teacher: Teacher) -> None:
    spec = tier("rvm", "t02")
    network = network_of(spec, untrained(spec))
    assert isinstance(network, Rvm)
    frames = torch.rand(1, 1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        alpha = teacher({"frames": frames}, 1.0)["alpha"][:, 0].clamp(0, 1)
        torch.testing.assert_close(alpha, network(frames[:, 0], None, 1.0)[1])
    assert not teacher.training
    assert teacher.licence == "GPL-3.0"


def test_rows_are_drawn_to_their_teacher(teacher: Teacher, tmp_path: Path) -> None:
    task = TeacherAlone()
    run = Run(task, tmp_path, OPTIONS, teacher)
    (batch,) = fixed_batches(task, task.source(STAGE, None, 0), STAGE, 1, seed=0)
    with torch.no_grad():
        taught = teacher(batch, 1.0)

    def apart() -> list[float]:
        with torch.no_grad():  # in training mode: running statistics lag behind
            predicted = [run._roll(name, batch, STAGE) for name in ("t01", "t02")]
        return [float(task.distance(each, taught)) for each in predicted]

    before = apart()
    for run.step in range(200, 200 + STAGE.steps):  # after the warm-up
        run._train_step(STAGE, 200, batch)
    assert all(after < 0.7 * was for after, was in zip(apart(), before, strict=True))


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_teacher_works_in_the_precision_of_the_run(
    teacher: Teacher, tmp_path: Path, *, bfloat16: bool
) -> None:
    task, within = TeacherAlone(), []
    run = Run(task, tmp_path, dataclasses.replace(OPTIONS, bfloat16=bfloat16), teacher)
    (batch,) = fixed_batches(task, task.source(STAGE, None, 0), STAGE, 1, seed=0)
    teacher.register_forward_pre_hook(lambda *_: within.append(torch.is_autocast_enabled("cpu")))
    run._train_step(STAGE, 0, batch)
    assert within == [bfloat16]


def test_a_run_goes_on_with_its_teacher_alone(teacher: Teacher, tmp_path: Path) -> None:
    Run(TeacherAlone(), tmp_path, OPTIONS, teacher).save("last.pt")
    Run(TeacherAlone(), tmp_path, OPTIONS, teacher)
    with pytest.raises(CheckpointError, match="is a run of teacher"):
        Run(TeacherAlone(), tmp_path, dataclasses.replace(OPTIONS))


@pytest.mark.parametrize("asked", ["t02", "t02=", "=file.safetensors", ""])
def test_a_teacher_without_row_or_file_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="give ROW=FILE"):
        teacher_of(RvmTask(), asked)


def test_a_teacher_of_no_row_is_refused(file: Path) -> None:
    with pytest.raises(UnknownTierError):
        teacher_of(RvmTask(), f"t99={file}")


def test_a_teacher_that_does_not_fit_is_refused_and_told_where_it_would(file: Path) -> None:
    with pytest.raises(CheckpointError, match="fit t02, not t05"):
        teacher_of(RvmTask(), f"t05={file}")


def official(network: str, folder: Path) -> Path:
    weights = untrained(tier(network, "t12"))
    path = folder / "t12.safetensors"
    write_safetensors(path, weights.tensors, weights.metadata)
    return path


def test_official_u2netp_teaches_at_any_size(tmp_path: Path) -> None:
    spec = tier("foreground", "t12")
    network = network_of(spec, untrained(spec))
    teacher = teacher_of(ForegroundTask(), f"t12={official('foreground', tmp_path)}")
    frame = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        taught = teacher({"frame": frame}, 0.5)
        torch.testing.assert_close(taught["mask"].sigmoid(), network(frame), rtol=1e-4, atol=1e-4)
        odd = teacher({"frame": frame[:, :, :50, :70]}, 1.0)
    assert odd["mask"].shape == (2, 1, 50, 70)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in teacher.modules())


def test_rows_of_foreground_are_as_far_from_their_teacher_as_their_distributions_are() -> None:
    task = ForegroundTask()
    said = {"mask": torch.tensor([[[[0.25, 0.5]]]]).logit()}
    other = {"mask": torch.tensor([[[[0.5, 0.5]]]]).logit()}
    by_hand = (0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)) / 2
    assert float(task.distance(said, said)) == pytest.approx(0, abs=1e-7)
    assert float(task.distance(other, said)) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("task", [FusionTask(), PropagationTask(), ScribbleTask()])
def test_an_official_network_of_another_form_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="take one of t01, t02"):
        teacher_of(task, f"t12={official(task.network, tmp_path)}")
