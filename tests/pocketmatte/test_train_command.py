"""``pocketmatte train`` and ``recalibrate`` on a recipe of six steps."""

import contextlib
import errno
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pocketmatte.cli import run as run_command
from pocketmatte.pictures import write_image
from pocketmatte.training import devices, journal
from pocketmatte.training.batches import Share
from pocketmatte.training.elastic import Elastic
from pocketmatte.training.tasks import task_of
from tests.pocketmatte import tiny_training
from tests.pocketmatte.tiny_training import STEPS, frozen, shrink

WORDS = (
    "--widest", "t04", "--workers", "0", "--threads", "1", "--save-every", "2", "--device", "cpu",
)  # fmt: skip
WITH_A_WORKER = ("--workers", "1")
ROWS = ["t01", "t02", "t03", "t04"]  # a step trains the last, the first, and one of the two between
MEASURED = [f"measured {name}" for name in ROWS]
GOES_ON = "the same command goes on"


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch.setattr)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch.setattr)
        assert run_command(["train", "fusion", *WORDS, "--out", str(folder)]) == 0
    return folder


def weights(folder: Path) -> bytes:
    return (folder / "fusion.safetensors").read_bytes()


def started(
    plan: str, folder: Path, *words: str, launcher: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own; see ``tiny_training``."""
    script = [*launcher, tiny_training.__file__, plan]
    given = ["train", "fusion", *WORDS, *words, "--out", str(folder)]
    root = Path(__file__).parents[2]
    path = os.pathsep.join((str(root), os.environ.get("PYTHONPATH", "")))
    return subprocess.run(
        [sys.executable, *script, *given],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,  # a loaded machine takes long to import PyTorch
        check=False,
        start_new_session=True,
    )


def train(cli: Callable[..., Any], folder: Path, *words: object) -> Any:
    return cli("train", "fusion", *WORDS, "--out", folder, *words)


def test_a_run_ends_in_weights_that_build_takes(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    held = load_file(whole / "fusion.safetensors")
    assert {key.split(".")[0] for key in held} == {"shared", *ROWS}
    file = whole / "fusion.safetensors"
    part = ("--network", "fusion", "--format", "onnx", "--recipe", "fp32", "--weights", file)
    said = cli("build", *part, "--tier", "t01", "--out", tmp_path / "bundle", "--json")
    assert {event["outcome"] for event in said.json()["artifacts"]} == {"built"}
    said = cli("build", *part, "--tier", "t05", "--out", tmp_path / "second", "--json")
    assert said.code == 1
    assert "the elastic checkpoint reaches t01, t02, t03, t04, not t05" in said.out + said.err


def test_json_stands_alone_on_stdout_and_a_run_that_is_over_stays_as_it_is(
    cli: Callable[..., Any], whole: Path
) -> None:
    lines, before = (whole / journal.FILE_NAME).read_text(), weights(whole)
    said = train(cli, whole, "--json")
    assert said.code == 0
    checkpoint = str(whole / "fusion.safetensors")
    assert said.json() == {
        "run": str(whole), "step": STEPS, "steps": STEPS, "checkpoint": checkpoint,
    }  # fmt: skip
    assert said.err.splitlines() == [*MEASURED, f"wrote {checkpoint}"]
    assert (whole / journal.FILE_NAME).read_text() == lines
    assert weights(whole) == before
    assert [json.loads(line)["step"] for line in lines.splitlines()] == [4, 6]


def test_a_run_that_is_out_of_time_says_how_to_go_on_and_does(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    said = train(cli, tmp_path, "--minutes", 1e-9, "--json")
    assert (said.code, said.err) == (0, f"1 of {STEPS} steps; {GOES_ON}\n")
    assert (said.json()["step"], said.json()["checkpoint"]) == (1, None)
    assert not (tmp_path / "fusion.safetensors").exists()
    said = train(cli, tmp_path)
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[-1] == f"wrote {tmp_path / 'fusion.safetensors'}"
    assert weights(tmp_path) == weights(whole)


def test_ctrl_c_ends_with_130_a_saved_run_and_the_same_weights_later(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    ended = started("SIGINT:2", tmp_path, *WITH_A_WORKER)
    assert (ended.returncode, ended.stdout) == (130, "")
    message = "pocketmatte: stopped; what was finished is kept, nothing is half-written\n"
    assert ended.stderr == message
    # the step in which it came was ended: 3, at which no save was due
    assert torch.load(tmp_path / "last.pt")["step"] == 3
    assert train(cli, tmp_path).code == 0
    assert weights(tmp_path) == weights(whole)


def test_a_killed_run_goes_on_from_its_last_save_to_the_same_weights(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    ended = started("SIGKILL:5", tmp_path, *WITH_A_WORKER)
    assert ended.returncode == -signal.SIGKILL
    assert torch.load(tmp_path / "last.pt")["step"] == 4
    (tmp_path / ".last.pt.partial").write_bytes(b"half of what was being saved")
    assert train(cli, tmp_path).code == 0
    assert weights(tmp_path) == weights(whole)
    assert list(tmp_path.glob(".*")) == []


def parameters(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / "last.pt")["elastic"]
    norms = ("running_mean", "running_var", "num_batches_tracked")
    return {key: value for key, value in state.items() if not key.endswith(norms)}


def distance(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return math.sqrt(sum(float(((first[key] - second[key]) ** 2).sum()) for key in first))


def test_two_processes_train_what_one_does_on_the_batches_of_both(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for rounding, and for BatchNorm, which sees the samples of its own process alone."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    ended = started("frozen", tmp_path / "two", launcher=launcher)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("wrote ") == 1  # one of them speaks
    assert (tmp_path / "two/fusion.safetensors").is_file()

    monkeypatch.setattr(nn.BatchNorm2d, "forward", frozen)
    assert train(cli, tmp_path / "one").code == 0
    torch.manual_seed(0)
    first = Elastic(task_of("fusion"), "t04").state_dict()
    one, two = (parameters(tmp_path / name) for name in ("one", "two"))
    moved = distance(one, first)
    assert moved > 0
    # 2e-6 was measured; AdamW takes steps of one size also where a gradient is rounding alone
    assert distance(one, two) < 1e-3 * moved


def test_what_stops_one_process_stops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def reduced(held: Tensor, operation: object) -> None:
        asked.append((float(held), operation))
        held.fill_(1.0)

    monkeypatch.setattr(torch.distributed, "all_reduce", reduced)
    cpu = torch.device("cpu")
    assert devices.anywhere(False, Share(rank=1, processes=2), cpu)
    assert asked == [(0.0, torch.distributed.ReduceOp.MAX)]
    assert not devices.anywhere(False, Share(), cpu)
    assert len(asked) == 1


def test_processes_that_cannot_share_a_batch_are_refused_before_anything_is_trained(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def three(_: torch.device) -> Iterator[Share]:
        yield Share(rank=0, processes=3)

    monkeypatch.setattr(devices, "together", three)
    message = "stage first: a batch of 2 cannot be shared by 3 processes; take a number of"
    assert train(cli, tmp_path).refusal(2).startswith(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("unet",), "no training of 'unet'; there is one of rvm, foreground, "),
        (("fusion", "--recipe", "big"), "no recipe 'big' of fusion; there are small, other"),
        (("fusion", "--precision", "fp16"), "no precision 'fp16'; there are auto, fp32, bf16"),
        (("fusion", "--device", "tpu"), "no device 'tpu'; there are auto, cpu, cuda"),
        (("fusion", "--widest", "t12"), "t12 of fusion has no weights of its own; t01, t02"),
        (("fusion", "--threads", 0), "--threads is 0; it must be 1 or more"),
        (("fusion", "--workers", -1), "--workers is -1; it must be 0 or more"),
        (("fusion", "--seed", -1), "--seed is -1; it must be 0 or more"),
        (("fusion", "--save-every", 0), "--save-every is 0; it must be 1 or more"),
        (("fusion", "--judge-every", 0), "--judge-every is 0; it must be 1 or more"),
        (("fusion", "--minutes", 0), "--minutes is 0.0; it must be above 0"),
        (("fusion", "--minutes", "nan"), "--minutes is nan; it must be above 0"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(
    cli: Callable[..., Any], tmp_path: Path, words: Sequence[object], message: str
) -> None:
    said = cli("train", *words, "--out", tmp_path / "run")
    assert said.refusal(2).startswith(message)
    assert not (tmp_path / "run/last.pt").exists()


def test_a_gpu_that_is_not_there_is_refused(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = cli("train", "fusion", "--device", "cuda", "--out", tmp_path / "run")
    assert said.refusal(2) == (
        "--device is cuda; PyTorch finds no GPU here: take cpu, or install its CUDA build"
    )
    assert not (tmp_path / "run").exists()


def test_a_folder_of_another_run_is_refused(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    last, before = whole / "last.pt", weights(whole)
    end = "give another --out, or the same options"
    for words, what in (
        (("--recipe", "other"), "recipe 'small', not 'other'"),
        (("--seed", 4), "seed 0, not 4"),
        (("--widest", "t01"), "widest 't04', not 't01'"),
    ):
        assert train(cli, whole, *words).refusal(1) == f"{last} is a run of {what}; {end}"
    assert weights(whole) == before
    torch.save(torch.zeros(3), tmp_path / "last.pt")
    assert train(cli, tmp_path).refusal(1).startswith(f"{tmp_path / 'last.pt'} is a run of format")
    torch.save({**torch.load(last), "elastic": {"odd": torch.zeros(1)}}, tmp_path / "last.pt")
    assert train(cli, tmp_path).refusal(1).endswith("was made with another ladder; begin anew else"
                                                    "where")  # fmt: skip


def test_a_file_in_place_of_the_folder_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = train(cli, tmp_path / "file")
    assert said.refusal(2) == f"{tmp_path / 'file'} is a file or lies below one; choose a folder"


def test_curves_without_tensorboard_are_refused_with_how_to_install_it(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def lacking(name: str) -> object:
        return None if name == "tensorboard" else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", lacking)
    said = train(cli, tmp_path, "--tensorboard")
    assert said.refusal(2) == (
        "--tensorboard needs TensorBoard; install it with: pip install tensorboard"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_the_save_before(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(cli, tmp_path, "--minutes", 1e-9).code == 0
    before = (tmp_path / "last.pt").read_bytes()

    def full(_: object, file: Any) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", full)
    said = train(cli, tmp_path)
    assert said.refusal(1) == (
        f"could not write {tmp_path / 'last.pt'} (No space left on device); "
        "free some space or choose another folder"
    )
    assert (tmp_path / "last.pt").read_bytes() == before
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_file_of_ones_own_is_told_in_one_line(
    cli: Callable[..., Any], tmp_path: Path, workers: int
) -> None:
    clip = tmp_path / "data/clips/one"
    for name in ("frames", "alpha"):
        (clip / name).mkdir(parents=True)
        write_image(clip / name / "0.png", np.full((40, 56), 200, np.uint8))
    file = clip / "frames/0.png"
    file.write_bytes(file.read_bytes()[:-30])
    said = train(cli, tmp_path / "run", "--data", tmp_path / "data", "--workers", workers)
    assert said.refusal(1).startswith(f"{file}: is no readable picture; give an intact PNG")


def test_recalibrate_measures_batchnorm_and_changes_nothing_else(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    given, out = whole / "fusion.safetensors", tmp_path / "deep/new.safetensors"
    said = cli("recalibrate", "fusion", "--weights", given, "--out", out, "--json")
    assert said.code == 0
    assert said.json() == {"checkpoint": str(out), "rows": ROWS}
    assert said.err.splitlines() == [*MEASURED, f"wrote {out}"]
    before, after = load_file(given), load_file(out)
    assert before.keys() == after.keys()
    changed = [key for key in before if not torch.equal(before[key], after[key])]
    assert {key.rpartition(".")[2] for key in changed} == {"running_mean", "running_var"}
    for key in changed:  # on the same clips, from convolutions that the file holds in halves
        torch.testing.assert_close(after[key], before[key], atol=1e-2, rtol=1e-2)


def test_recalibrate_takes_elastic_checkpoints_of_its_network(
    cli: Callable[..., Any], whole: Path, tmp_path: Path, t01_weights: Path
) -> None:
    out = ("--out", tmp_path / "new.safetensors")
    given = whole / "fusion.safetensors"
    said = cli("recalibrate", "rvm", "--weights", given, *out)
    assert said.refusal(1) == f"{given} holds weights of fusion, not of rvm"
    said = cli("recalibrate", "fusion", "--weights", tmp_path / "none.safetensors", *out)
    assert str(tmp_path / "none.safetensors") in said.refusal(1)
    said = cli("recalibrate", "rvm", "--weights", t01_weights, *out)
    assert said.refusal(1) == (
        f"{t01_weights} is no elastic checkpoint of rvm, but of one architecture alone"
    )
    said = cli("recalibrate", "fusion", "--weights", given, *out, "--threads", 0)
    assert said.refusal(2) == "--threads is 0; it must be 1 or more"
    assert list(tmp_path.iterdir()) == []
