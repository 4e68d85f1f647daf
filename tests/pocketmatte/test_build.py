import contextlib
import dataclasses
import fcntl
import json
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from export.manifest import FILE_NAME, read_manifest
from export.targets import TARGETS
from tiers.errors import BundleError

FP32, FP16 = "rvm/t01/matte-fp32.onnx", "rvm/t01/matte-fp16.onnx"


def words(out: Path, weights: Path, recipe: str = "fp32,fp16") -> list[object]:
    part = ("--tier", "t01", "--format", "onnx", "--recipe", recipe)
    return ["build", "--network", "rvm", *part, "--weights", weights, "--out", out]


def outcomes(said: Any) -> dict[str, str]:
    return {event["path"]: event["outcome"] for event in said.json()["artifacts"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "results"
    }


def test_a_second_build_keeps_what_is_up_to_date(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    before = contents(bundle)
    said = cli(*words(bundle, t01_weights), "--json")
    assert outcomes(said) == {FP32: "kept", FP16: "kept"}
    assert contents(bundle) == before


def test_other_weights_a_changed_file_and_a_missing_one_are_built_again(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, tmp_path: Path
) -> None:
    whole = contents(bundle)
    (bundle / FP16).write_bytes(b"changed")
    (kept_weights,) = (bundle / "weights").iterdir()
    kept_weights.write_bytes(b"changed")
    said = cli(*words(bundle, t01_weights), "--json")
    assert outcomes(said) == {FP32: "kept", FP16: "built"}
    assert contents(bundle) == whole  # the weights are whole again, too

    tensors = load_file(t01_weights)
    tensors["project_mat.conv.bias"] += 0.01
    other = tmp_path / "other.safetensors"
    save_file(tensors, other, {"network": "rvm", "origin": "another"})
    said = cli(*words(bundle, other, "fp32"), "--json")
    assert outcomes(said) == {FP32: "built"}
    manifest = read_manifest(bundle)
    origins = {entry.digest: entry.origin for entry in manifest.weights}
    assert {entry.path: origins[entry.weights_digest] for entry in manifest.artifacts} == {
        FP32: "another",
        FP16: "seeded for a test",
    }


def test_a_lock_that_is_a_link_or_a_folder_is_refused_and_what_it_leads_to_stays(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, tmp_path: Path
) -> None:
    lock = bundle / ".lock"
    lock.unlink()
    other = tmp_path / "other"
    other.write_text("kept")
    lock.symlink_to(other)
    refusal = f"{lock} cannot be opened (Too many levels of symbolic links); delete it"
    assert cli(*words(bundle, t01_weights)).refusal(1).startswith(refusal)
    assert other.read_text() == "kept"
    lock.unlink()
    lock.mkdir()
    refusal = f"{lock} cannot be opened (Is a directory); delete it"
    assert cli(*words(bundle, t01_weights)).refusal(1).startswith(refusal)


def break_onnx(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> NoReturn:
        raise error

    onnx = dataclasses.replace(TARGETS["onnx"], export=fail)
    monkeypatch.setattr("pocketmatte.build_job.TARGETS", {**TARGETS, "onnx": onnx})


def test_a_build_that_fails_fast_ends_there_and_one_that_keeps_going_does_not(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_onnx(monkeypatch, BundleError("the disk is full; free some space"))
    for flag, outcome in (("--fail-fast", ["failed"]), ("--keep-going", ["failed", "failed"])):
        said = cli(*words(tmp_path / flag, t01_weights), flag, "--json")
        assert said.code == 1
        assert list(outcomes(said).values()) == outcome
        assert ("stopped at the first failure: 1 files" in said.err) == (flag == "--fail-fast")


def test_a_converter_that_breaks_down_costs_its_own_file(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = AssertionError("Invalid partition, found dependency cycles\nand more")
    break_onnx(monkeypatch, error)
    said = cli(*words(tmp_path / "bundle", t01_weights))
    assert said.code == 1
    assert said.err.count("onnx gave up: AssertionError: Invalid partition, found") == 2
    assert "and more" not in said.err


def test_what_verify_tells_to_build_again_is_built_again(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    path = bundle / FILE_NAME
    whole = path.read_bytes()
    content = json.loads(whole)
    entry = next(entry for entry in content["artifacts"] if entry["path"] == FP32)
    entry["size_bytes"] += 1
    path.write_text(json.dumps(content))
    said = cli("verify", bundle, "--frames", 2)
    assert f"failed: {FP32}: what the manifest says as size_bytes is not so; build it again" in (
        said.err
    )
    said = cli(*words(bundle, t01_weights), "--json")
    assert outcomes(said) == {FP32: "built", FP16: "kept"}
    assert path.read_bytes() == whole


def test_both_orientations_stand_side_by_side(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    before = contents(bundle / "rvm")
    portrait = "rvm/t01/matte-fp32-portrait.onnx"
    said = cli(*words(bundle, t01_weights, "fp32"), "--orientation", "portrait", "--json")
    assert outcomes(said) == {portrait: "built"}
    after = contents(bundle / "rvm")
    assert after.pop("t01/matte-fp32-portrait.onnx")
    assert after == before
    said = cli("verify", bundle, "--frames", 2, "--json")
    assert {each["path"]: each["status"] for each in said.json()["artifacts"]} == dict.fromkeys(
        (FP32, FP16, portrait), "proven"
    )
    assert set(outcomes(cli(*words(bundle, t01_weights), "--json")).values()) == {"kept"}


def test_the_same_weights_under_another_licence_are_written_again(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    save_file(load_file(t01_weights), other, {"network": "rvm", "licence": "MIT"})
    assert set(outcomes(cli(*words(bundle, other), "--json")).values()) == {"built"}
    (held,) = read_manifest(bundle).weights
    assert held.path is not None
    with safe_open(bundle / held.path, "pt") as file:
        assert file.metadata()["licence"] == held.licence == "MIT"


def test_two_jobs_write_the_same_bytes_as_one(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "parallel"
    said = cli(*words(out, t01_weights), "--jobs", 2, "--json")
    assert said.code == 0
    assert set(outcomes(said).values()) == {"built"}
    assert contents(out) == contents(bundle)


def test_an_executorch_file_is_exported_alone(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "t01.pte"
    options = ("--tier", "t01", "--format", "executorch", "--weights", t01_weights)
    said = cli("export", "rvm", *options, "--out", path, "--json")
    assert said.code == 0
    assert said.json()["size_bytes"] == path.stat().st_size
    assert said.json()["notes"]["delegates"] == 1
    assert list(path.parent.iterdir()) == [path]


def test_a_file_name_of_another_format_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "t01.onnx"
    said = cli("export", "rvm", "--tier", "t01", "--format", "executorch", "--out", out)
    message = "executorch is written to .pte: end it so, or give a folder"
    assert said.refusal(2) == f"--out is {out}; {message}"
    assert not out.exists()


@pytest.mark.parametrize("name", ["", "below/it"])
def test_a_file_in_the_way_of_a_bundle_is_refused(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / name
    said = cli(*words(out, t01_weights))
    assert said.refusal(2) == f"{out} is a file or lies below one; choose a folder"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_holds_something_else_is_left_alone(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = cli(*words(tmp_path, t01_weights))
    message = f"holds notes.txt and no {FILE_NAME}; choose an empty or new folder"
    assert said.refusal(2) == f"{tmp_path} {message}"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_second_build_at_the_same_time_is_refused(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    with (bundle / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = cli(*words(bundle, t01_weights))
    message = f"another build is at work in {bundle}; wait for it or choose another folder"
    assert said.refusal(2) == message


def test_a_broken_manifest_is_not_built_over(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    (bundle / FILE_NAME).write_text("{")
    line = cli(*words(bundle, t01_weights)).refusal(1)
    assert line.startswith(f"{bundle / FILE_NAME} is no manifest: the whole file: ")
    assert line.endswith(f"in another folder or after deleting {bundle / FILE_NAME}")
    assert (bundle / FILE_NAME).read_text() == "{"


def test_weights_that_do_not_fit_a_tier_are_refused_before_anything_is_built(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = cli(
        "build", "--network", "rvm", "--tier", "t01,t02", "--weights", t01_weights, "--out", out
    )
    assert said.refusal(1) == "these weights fit t01, not t02; choose one of those tiers"
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_a_link_in_the_place_of_a_file_is_replaced(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    (bundle / FP32).rename(bundle / "moved.onnx")
    (bundle / FP32).symlink_to(bundle / "gone.onnx")
    assert outcomes(cli(*words(bundle, t01_weights), "--json"))[FP32] == "built"
    assert not (bundle / FP32).is_symlink()


@contextlib.contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let the disk refuse what a file holds beyond a size, as a full one refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_refuses_the_weights_leaves_nothing_half_written(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with largest_file(100_000):
        line = cli(*words(out, t01_weights)).refusal(1)
    assert line.startswith(f"could not write {out}/weights/rvm-")
    assert line.endswith("free some space or choose another")
    assert [path.name for path in out.rglob("*") if path.is_file()] == [".lock"]


def test_a_disk_that_refuses_an_artifact_leaves_nothing_half_written(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path
) -> None:
    (bundle / FP32).unlink()
    with largest_file(100_000):
        said = cli(*words(bundle, t01_weights))
    assert said.code == 1
    reason = "(File too large); free some space or choose another folder"
    assert said.err.splitlines()[0] == (f"failed: {FP32}: could not write {bundle / FP32} {reason}")
    assert sorted(path.name for path in (bundle / "rvm/t01").iterdir()) == ["matte-fp16.onnx"]
    assert [entry.path for entry in read_manifest(bundle).artifacts] == [FP16]
    assert cli(*words(bundle, t01_weights)).code == 0
    shutil.rmtree(bundle)


@pytest.mark.parametrize("amount", [0, -1, "nan", "inf", 1e300])
def test_a_memory_budget_of_nothing_is_refused(
    cli: Callable[..., Any], tmp_path: Path, amount: object
) -> None:
    line = cli("build", "--memory-gib", amount, "--out", tmp_path / "out").refusal(2)
    assert "; it must be above 0 and below 1048576" in line
