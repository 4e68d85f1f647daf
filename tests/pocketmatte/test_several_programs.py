"""The way of a network of several programs through build, verify and bench."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import pocketmatte.verify
from pocketmatte.cli import run
from tiers.contract_table import PROGRAMS
from tiers.errors import CheckpointError

NETWORK = "trimap"
PATHS = [
    f"{NETWORK}/t01/{program}-{recipe}.onnx"
    for program in PROGRAMS[NETWORK]
    for recipe in ("fp16", "fp32")
]
FEW = ("--frames", 3)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of one tier as ONNX, fp32 and fp16."""
    out = tmp_path_factory.mktemp("several") / "bundle"
    words = ["build", "--network", NETWORK, "--tier", "t01", "--format", "onnx", "--out", str(out)]
    assert run(words) == 0
    torch.set_num_threads(1)
    return out


@pytest.fixture
def bundle(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "bundle")


def statuses(said: Any) -> dict[str, str]:
    return {each["path"]: each["status"] for each in said.json()["artifacts"]}


def test_every_program_is_a_file_and_proven(cli: Callable[..., Any], bundle: Path) -> None:
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 0, said.err
    assert statuses(said) == dict.fromkeys(sorted(PATHS), "proven")
    judged = {each["path"]: each["parity"]["judged"] for each in said.json()["artifacts"]}
    assert judged[PATHS[0]] is None
    assert judged[PATHS[-1]] == "trimap"


def test_pytorch_stands_in_for_a_file_that_is_gone(cli: Callable[..., Any], bundle: Path) -> None:
    (bundle / PATHS[1]).unlink()
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert statuses(said) == dict.fromkeys(PATHS, "proven") | {PATHS[1]: "failed"}


def test_two_programs_that_changed_places_fail(cli: Callable[..., Any], bundle: Path) -> None:
    first, second = bundle / PATHS[1], bundle / PATHS[3]
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    manifest = bundle / "manifest.json"
    content = json.loads(manifest.read_text())
    of = {entry["path"]: entry for entry in content["artifacts"]}
    for field in ("sha256", "size_bytes"):
        one, other = of[PATHS[1]], of[PATHS[3]]
        one[field], other[field] = other[field], one[field]
    manifest.write_text(json.dumps(content))
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert {path for path, status in statuses(said).items() if status == "failed"} == {
        PATHS[1],
        PATHS[3],
    }


def test_bench_times_every_program_beside_pytorch(cli: Callable[..., Any], bundle: Path) -> None:
    words = ("--runs", 5, "--warmups", 1, "--seconds", 0.01)
    rows = cli("bench", bundle, *words, "--json").json()["latencies"]
    assert sorted((row["program"], row["path"] or "") for row in rows) == sorted(
        [(program, "") for program in PROGRAMS[NETWORK]]
        + [(Path(path).name.rpartition("-")[0], path) for path in PATHS]
    )


def test_one_program_is_exported_to_one_file(cli: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "propagate.onnx"
    words = ("export", NETWORK, "--tier", "t01", "--program", "propagate", "--out", out)
    assert cli(*words).code == 0
    assert out.is_file()


def test_a_program_that_so_few_frames_never_call_is_not_called_proven(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "propagation"
    part = ("--tier", "t01", "--format", "onnx", "--recipe", "fp32", "--out", out)
    assert cli("build", "--network", "propagation", *part).code == 0
    said = cli("verify", out, "--frames", 1, "--json")
    found = {each["path"]: each for each in said.json()["artifacts"]}
    read = found["propagation/t01/read-fp32.onnx"]
    assert read["status"] == "checked"
    assert read["reasons"] == ["1 frame(s) never call it; take more --frames"]
    assert found["propagation/t01/encode_key-fp32.onnx"]["status"] == "proven"


def test_what_keeps_a_tier_from_being_judged_fails_its_files_and_no_more(
    cli: Callable[..., Any], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        msg = "PyTorch gives NaN"
        raise CheckpointError(msg)

    monkeypatch.setattr(pocketmatte.verify, "compare_all", refuse)
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert statuses(said) == dict.fromkeys(sorted(PATHS), "failed")
    assert {" ".join(each["reasons"]) for each in said.json()["artifacts"]} == {"PyTorch gives NaN"}
