import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tiers.ladder import tier
from tiers.weights import untrained


class Evil:
    """Would make a file when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, (str(self.marker),))


@pytest.fixture(scope="module")
def official() -> dict[str, Tensor]:
    """A state dict laid out as the official MobileNetV3 variant's."""
    return dict(untrained(tier("rvm", "t08")).tensors)


@pytest.fixture
def checkpoint(official: dict[str, Tensor], tmp_path: Path) -> Path:
    path = tmp_path / "official.pth"
    torch.save(official, path)
    return path


def imported(cli: Callable[..., Any], path: Path) -> Any:
    out = path.with_name("out.safetensors")
    said = cli("import", "rvm", path, "--out", out)
    assert out.exists() == (said.code == 0)
    assert list(path.parent.glob(".*")) == []
    return said


def test_an_official_checkpoint_becomes_a_weight_file(
    cli: Callable[..., Any], checkpoint: Path, official: dict[str, Tensor]
) -> None:
    out = checkpoint.with_name("deep") / "rvm.safetensors"
    said = cli("import", "rvm", checkpoint, "--out", out, "--json")
    assert said.code == 0
    result = said.json()
    assert (result["variant"], result["tier"], result["tensors"]) == (
        "mobilenetv3", "t08", len(official),
    )  # fmt: skip
    assert "GPL-3.0" in result["licence"]
    found = load_file(out)
    assert all(torch.equal(found[key], official[key]) for key in official)


def test_a_truncated_checkpoint_is_refused(cli: Callable[..., Any], checkpoint: Path) -> None:
    whole = checkpoint.read_bytes()
    for kept in (1, len(whole) // 2, len(whole) - 1):
        checkpoint.write_bytes(whole[:kept])
        line = imported(cli, checkpoint).refusal(1)
        assert line.startswith(f"{checkpoint} "), line


@pytest.mark.parametrize("content", [b"", b"not a checkpoint\n" * 50, b"PK\x03\x04" + b"\0" * 99])
def test_a_file_that_is_no_checkpoint_is_refused(
    cli: Callable[..., Any], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    line = imported(cli, path).refusal(1)
    assert line.startswith(f"{path} "), line


def test_a_missing_checkpoint_and_a_folder_are_refused(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    for path in (tmp_path / "none.pth", tmp_path / "deep" / "folder.pth"):
        path.parent.mkdir(exist_ok=True)
        assert imported(cli, path).refusal(2) == f"no weight file {path}; check the path"
        (tmp_path / "deep" / "folder.pth").mkdir(parents=True, exist_ok=True)


def test_a_checkpoint_of_another_network_is_refused_with_the_keys(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(2, 3).state_dict(), path)
    line = imported(cli, path).refusal(1)
    assert line.startswith("not an official rvm checkpoint; against mobilenetv3, the nearest of ")
    assert " missing: backbone.features.0.0.weight" in line


def test_a_missing_an_unexpected_and_a_misshapen_key_are_listed(
    cli: Callable[..., Any], checkpoint: Path, official: dict[str, Tensor]
) -> None:
    changed = dict(official)
    del changed["project_mat.conv.bias"]
    changed["extra"] = torch.zeros(1)
    changed["project_mat.conv.weight"] = torch.zeros(4, 4, 1, 1)
    torch.save(changed, checkpoint)
    line = imported(cli, checkpoint).refusal(1)
    assert "1 missing: project_mat.conv.bias; 1 unexpected: extra; 1 of other shape: " in line
    assert "(4, 4, 1, 1), not (4, 16, 1, 1)" in line


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(
    cli: Callable[..., Any], tmp_path: Path, zipped: bool
) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    if zipped:
        torch.save({"weight": torch.zeros(1), "evil": Evil(marker)}, path)
    else:
        path.write_bytes(pickle.dumps(Evil(marker)))
    line = imported(cli, path).refusal(1)
    assert line.startswith(
        f"{path} holds more than tensors, or is not whole; nothing in it was run"
    )
    assert not marker.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_checkpoint_that_is_not_finite_is_refused(
    cli: Callable[..., Any], checkpoint: Path, official: dict[str, Tensor], value: float
) -> None:
    torch.save({**official, "project_mat.conv.bias": torch.full((4,), value)}, checkpoint)
    line = imported(cli, checkpoint).refusal(1)
    where = "in project_mat.conv.bias; train it again"
    assert line == f"{checkpoint} holds values that are not finite {where}"


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(1)], {}])
def test_a_checkpoint_of_something_else_than_tensors_is_refused(
    cli: Callable[..., Any], tmp_path: Path, content: object
) -> None:
    path = tmp_path / "file.pth"
    torch.save(content, path)
    assert imported(cli, path).refusal(1).startswith(f"{path} ")


def test_wrong_use_of_import_is_refused(cli: Callable[..., Any], checkpoint: Path) -> None:
    line = cli("import", "nope", checkpoint, "--out", "x.safetensors").refusal(2)
    assert line.startswith("no network 'nope'; there are rvm, ")
    line = cli("import", "rvm", checkpoint, "--out", "x.pt").refusal(2)
    assert line == "--out is x.pt; weights are written as .safetensors: give such a name"


def given(cli: Callable[..., Any], weights: Path, code: int = 1) -> str:
    """The one line with which ``build --weights`` refuses a file."""
    out = weights.with_name("bundle")
    said = cli("build", "--network", "rvm", "--tier", "t01", "--weights", weights, "--out", out)
    assert not (out / "rvm").exists()
    line: str = said.refusal(code)
    return line


def test_an_official_file_given_as_weights_is_refused_with_the_command_that_imports_it(
    cli: Callable[..., Any], checkpoint: Path
) -> None:
    command = f"pocketmatte import rvm {checkpoint} --out FILE.safetensors"
    assert given(cli, checkpoint) == f"{checkpoint} is a PyTorch file; first run: {command}"


def test_damaged_weights_are_refused(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    assert given(cli, path, 2) == f"no weight file {path}; check the path"
    whole = t01_weights.read_bytes()
    for content in (b"", b"text" * 100, whole[:1000], whole[:-1]):
        path.write_bytes(content)
        line = given(cli, path)
        assert line.startswith(f"{path} is no whole safetensors file (")
        assert line.endswith("; fetch it again")


def test_a_pickle_named_as_weights_is_refused_and_does_not_run(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    path, marker = tmp_path / "evil.safetensors", tmp_path / "marker"
    path.write_bytes(pickle.dumps(Evil(marker)))
    assert given(cli, path).startswith(f"{path} is no whole safetensors file (")
    assert not marker.exists()


def test_weights_of_another_network_or_not_finite_are_refused(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    tensors = load_file(t01_weights)
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path, {"network": "foreground"})
    assert given(cli, path) == f"{path} holds weights of foreground, not of rvm"
    tensors["project_mat.conv.bias"][0] = float("nan")
    save_file(tensors, path)
    where = "in project_mat.conv.bias; train it again"
    assert given(cli, path) == f"{path} holds values that are not finite {where}"
    save_file({"weight": torch.zeros(2)}, path)
    assert given(cli, path).startswith("these weights are of no tier of rvm: ")
    assert " missing: backbone.features.0.0.weight" in given(cli, path)
