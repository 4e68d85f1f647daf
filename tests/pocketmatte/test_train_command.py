"""``pocketmatte train`` and ``recalibrate`` on a recipe of six steps."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.distributed import run as torch_launcher

from pocketmatte.cli import run as run_command
from pocketmatte.training import devices, journal
from pocketmatte.training.batches import Share
from pocketmatte.training.elastic import Elastic
from pocketmatte.training.tasks import task_of
from tests.pocketmatte import tiny_training
from tests.pocketmatte.tiny_training import STEPS, WORDS, frozen, shrink, train
from tiers.checkpoint import write_safetensors
from tiers.weights import ELASTIC_FORMAT, load

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


def test_a_run_begins_with_a_checkpoint_and_goes_on_with_the_same_one_only(
    cli: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    start = ("--start", whole / "fusion.safetensors")
    said = train(cli, tmp_path / "more", *start, "--keep-clips", 2, "--json")
    assert said.code == 0
    assert weights(tmp_path / "more") != weights(whole)
    clips = [path.name for path in (tmp_path / "more/clips").iterdir()]
    assert sorted(clips) == ["5x32x48", "5x48x64"]
    again = train(cli, tmp_path / "more", "--keep-clips", 2)
    assert " is a run of start " in again.refusal(1)


def test_the_licence_of_a_start_stays(cli: Callable[..., Any], whole: Path, tmp_path: Path) -> None:
    held = load_file(whole / "fusion.safetensors")
    metadata = {"format": ELASTIC_FORMAT, "network": "fusion", "licence": "MIT"}
    write_safetensors(tmp_path / "mit.safetensors", held, metadata)
    said = train(cli, tmp_path / "run", "--start", tmp_path / "mit.safetensors", "--json")
    assert load(Path(said.json()["checkpoint"]), "fusion").licence == "MIT"


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


@pytest.mark.parametrize("page", ["docs/training.md", "docs/models/README.md"])
def test_torchrun_leaves_our_options_to_us(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("torchrun "))
    # without its -- torchrun refuses --start, which could be one of its own
    given = torch_launcher.get_args_parser().parse_args(line.split()[1:])
    assert [given.training_script, given.training_script_args[0]] == ["pocketmatte", "train"]


def test_rows_are_of_the_network_and_for_norms(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = train(cli, tmp_path / "run", "--rows", "t02,t13").refusal(2)
    assert said.startswith("no row 't13'; there are t01, t02, ")
    said = train(cli, tmp_path / "run", "--rows", "t02").refusal(2)
    assert said == "--rows t02 is for the recipe norms; other stages name their rows"


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
    assert str(tmp_path / "none.safetensors") in said.refusal(2)
    said = cli("recalibrate", "rvm", "--weights", t01_weights, *out)
    assert said.refusal(1) == (
        f"{t01_weights} is no elastic checkpoint of rvm, but of one architecture alone"
    )
    said = cli("recalibrate", "fusion", "--weights", given, *out, "--threads", 0)
    assert said.refusal(2) == "--threads is 0; it must be 1 or more"
    assert list(tmp_path.iterdir()) == []
