"""What ``pocketmatte train`` refuses, and what it says where a file or the disk will not do."""

import contextlib
import errno
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pocketmatte.pictures import write_image
from pocketmatte.training import devices
from pocketmatte.training.batches import Share
from tests.pocketmatte.tiny_training import shrink, train


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch.setattr)


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
        (("fusion", "--keep-clips", 0), "--keep-clips is 0; it must be 1 or more"),
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


def test_a_start_that_is_not_there_is_told_in_one_line(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    said = cli("train", "fusion", "--start", tmp_path / "none.safetensors", "--out", tmp_path)
    assert "none.safetensors" in said.refusal(2)
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_is_not_there_is_refused(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = cli("train", "fusion", "--device", "cuda", "--out", tmp_path / "run")
    assert said.refusal(2) == (
        "--device is cuda; PyTorch finds no GPU here: take cpu, or install its CUDA build"
    )
    assert not (tmp_path / "run").exists()


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
