"""The way of a tier through build, pack and verify."""

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from export.artifact import sha256_of
from export.manifest import FILE_NAME, read_manifest
from pocketmatte.cli import run

RVM, PROPAGATION = "rvm/t01/all-fp16.mlpackage", "propagation/t01/all-fp16.mlpackage"
SINGLE = "rvm/t01/all-fp32.mlpackage"
LANDSCAPE, PORTRAIT = "rvm/t01/matte-fp16.mlpackage", "rvm/t01/matte-fp16-portrait.mlpackage"
PROGRAMS = ["encode_key", "encode_value", "read"]
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
AGAIN = "run pocketmatte pack again"
FEW = ("--frames", 2)
# of the first convolution, behind the headers of the file and of its first blob
FIRST_WEIGHT = 128
PART = ("--network", "rvm", "--tier", "t01", "--format", "coreml")

# Stops a packing where a package is written but not yet in its place, and says so by a file.
STALL = """
import pathlib
import time
import export.atomic
def stall(path, flush=export.atomic._flush):
    if path.name.endswith(".mlpackage.partial"):
        pathlib.Path(__file__).with_name("stalled").touch()
        time.sleep(600)
    flush(path)
export.atomic._flush = stall
"""
# A process started in the background may inherit a SIGINT that is ignored; a terminal's does not.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pocketmatte.cli import main
main()
"""
PATIENCE_SECONDS = 600  # a loaded machine takes long to import coremltools


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle with a tier of two orientations and one of several programs."""
    out = tmp_path_factory.mktemp("packed") / "bundle"
    for words in (
        ["rvm", "--recipe", "fp16,fp32"],
        ["rvm", "--recipe", "fp16", "--orientation", "portrait"],
        ["propagation", "--recipe", "fp16"],
    ):
        part = ["--tier", "t01", "--format", "coreml", "--out", str(out)]
        assert run(["build", "--network", *words, *part]) == 0
    assert run(["pack", str(out)]) == 0
    torch.set_num_threads(1)
    return out


@pytest.fixture
def whole(built: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of the bundle."""
    return shutil.copytree(built, tmp_path / "bundle")


@pytest.fixture
def packed(whole: Path) -> Path:
    """Return a fresh copy of the bundle that lists the half-precision files of one network."""

    def keep(content: dict[str, Any]) -> None:
        for kind in ("artifacts", "packages"):
            content[kind] = [
                entry
                for entry in content[kind]
                if (entry["network"], entry["recipe"]) == ("rvm", "fp16")
            ]

    edit(whole, keep)
    return whole


def edit(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / FILE_NAME
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def vouch(bundle: Path) -> None:
    """Let the manifest say of the package what is on the disk."""

    def change(content: dict[str, Any]) -> None:
        content["packages"][0]["sha256"] = sha256_of(bundle / RVM)

    edit(bundle, change)


def outcomes(said: Any) -> dict[str, str]:
    return {event["path"]: event["outcome"] for event in said.json()["packages"]}


def listed(bundle: Path) -> list[str]:
    return [package.path for package in read_manifest(bundle).packages]


def verdict(cli: Callable[..., Any], bundle: Path, path: str = RVM) -> tuple[str, list[str]]:
    found = cli("verify", bundle, *FEW, "--json").json()["artifacts"]
    (own,) = (each for each in found if each["path"] == path)
    return own["status"], own["reasons"]


def test_every_tier_of_several_files_is_one_package_and_the_others_are_skipped(
    cli: Callable[..., Any], whole: Path
) -> None:
    said = cli("pack", whole, "--json")
    assert said.code == 0
    assert outcomes(said) == {RVM: "kept", SINGLE: "skipped", PROPAGATION: "kept"}
    events = {event["path"]: event for event in said.json()["packages"]}
    assert events[RVM]["functions"] == ["matte", "matte_portrait"]
    assert events[PROPAGATION]["functions"] == PROGRAMS
    reason = "rvm/t01/matte-fp32.mlpackage is this tier's only Core ML file: there is nothing to "
    assert events[SINGLE]["reason"] == f"{reason}merge"
    assert f"skipped: {SINGLE}: {reason}merge" in said.err.splitlines()
    assert listed(whole) == [PROPAGATION, RVM]
    assert not (whole / SINGLE).exists()


def test_two_orientations_store_their_weights_once(cli: Callable[..., Any], whole: Path) -> None:
    (event,) = cli("pack", whole, "--network", "rvm", "--recipe", "fp16", "--json").json()[
        "packages"
    ]
    assert event["apart_bytes"] == sum(
        entry.size_bytes
        for entry in read_manifest(whole).artifacts
        if entry.path in (LANDSCAPE, PORTRAIT)
    )
    assert event["size_bytes"] < 0.75 * event["apart_bytes"]
    assert (whole / RVM / WEIGHTS).stat().st_size == (whole / LANDSCAPE / WEIGHTS).stat().st_size


def test_every_function_gives_the_bits_of_its_file(cli: Callable[..., Any], whole: Path) -> None:
    said = cli("verify", whole, *FEW, "--json")
    assert said.code == 0, said.err
    found = {each["path"]: (each["status"], each["reasons"]) for each in said.json()["artifacts"]}
    assert (found[RVM], found[PROPAGATION]) == (("evaluated", []), ("evaluated", []))


def test_a_weight_that_the_manifest_vouches_for_fails_and_names_the_functions(
    cli: Callable[..., Any], packed: Path
) -> None:
    path = packed / RVM / WEIGHTS
    data = bytearray(path.read_bytes())
    data[FIRST_WEIGHT + 1] ^= 0x04  # doubles or halves a half-precision number
    path.write_bytes(data)
    status, reasons = verdict(cli, packed)
    assert (status, reasons[0][:14]) == ("failed", "its sha256 is ")
    vouch(packed)
    status, reasons = verdict(cli, packed)
    assert status == "failed"
    for reason, name, source in zip(
        reasons, ("matte", "matte_portrait"), (LANDSCAPE, PORTRAIT), strict=True
    ):
        assert reason.startswith(f"function {name}: its ")
        assert f" differs from that of {source} by " in reason
        assert reason.endswith(f", the limit is 0; {AGAIN}")
    assert outcomes(cli("pack", packed, "--json")) == {RVM: "kept"}  # until it is deleted
    shutil.rmtree(packed / RVM)
    assert outcomes(cli("pack", packed, "--json")) == {RVM: "packed"}
    assert verdict(cli, packed) == ("evaluated", [])


def test_a_package_is_no_better_than_its_files(cli: Callable[..., Any], packed: Path) -> None:
    weights = packed / PORTRAIT / WEIGHTS
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert verdict(cli, packed) == ("failed", [f"{PORTRAIT}, which it was made from, failed"])
    said = cli("pack", packed, "--json")
    assert said.code == 1
    (event,) = said.json()["packages"]
    assert event["outcome"] == "failed"
    assert event["reason"].startswith(f"{PORTRAIT}: its sha256 is ")
    assert event["reason"].endswith("it changed since it was built; build it again")


def test_a_function_that_changed_places_fails(cli: Callable[..., Any], packed: Path) -> None:
    def turn(content: dict[str, Any]) -> None:
        functions = content["packages"][0]["functions"]
        functions["matte"], functions["matte_portrait"] = PORTRAIT, LANDSCAPE

    edit(packed, turn)
    message = f"what the manifest says as functions is not so; {AGAIN}"
    assert verdict(cli, packed) == ("failed", [message])
    assert outcomes(cli("pack", packed, "--json")) == {RVM: "packed"}


def test_a_package_whose_file_was_built_anew_is_packed_again_to_the_same_bytes(
    cli: Callable[..., Any], packed: Path
) -> None:
    before = sha256_of(packed / RVM)

    def age(content: dict[str, Any]) -> None:
        content["packages"][0]["build_key"] = "0" * 64

    edit(packed, age)
    message = f"a file that it was made from changed since; {AGAIN}"
    assert verdict(cli, packed) == ("failed", [message])
    shutil.rmtree(packed / RVM)
    assert outcomes(cli("pack", packed, "--json")) == {RVM: "packed"}
    assert sha256_of(packed / RVM) == before


def test_build_keeps_a_package_until_one_of_its_files_is_built_again(
    cli: Callable[..., Any], packed: Path
) -> None:
    words = ("build", *PART, "--recipe", "fp16", "--out", packed, "--json")
    events = cli(*words).json()["artifacts"]
    assert [(event["path"], event["outcome"]) for event in events] == [(LANDSCAPE, "kept")]
    assert listed(packed) == [RVM]

    def age(content: dict[str, Any]) -> None:
        (entry,) = (each for each in content["artifacts"] if each["path"] == LANDSCAPE)
        entry["build_key"] = "0" * 64

    edit(packed, age)
    said = cli(*words)
    assert said.code == 0
    assert [(event["path"], event["outcome"]) for event in said.json()["artifacts"]] == [
        (RVM, "dropped"),
        (LANDSCAPE, "built"),
    ]
    assert f"dropped: {RVM}: its files are built again; {AGAIN} afterwards" in said.err
    assert listed(packed) == []
    assert not (packed / RVM).exists()
    assert read_manifest(packed).artifacts


@pytest.mark.parametrize("where", ["path", "functions"])
def test_a_package_that_leads_outside_is_refused(
    cli: Callable[..., Any], packed: Path, where: str
) -> None:
    def lead_outside(content: dict[str, Any]) -> None:
        package = content["packages"][0]
        package[where] = "../all.mlpackage" if where == "path" else {"matte": "../all.mlpackage"}

    edit(packed, lead_outside)
    for command in ("pack", "verify"):
        assert cli(command, packed).refusal(1) == (
            f"path '../all.mlpackage' leads outside the bundle {packed}; build it again"
        )


@pytest.mark.parametrize("option", ["--network", "--tier", "--recipe"])
def test_what_the_bundle_does_not_hold_cannot_be_packed(
    cli: Callable[..., Any], bundle: Path, option: str
) -> None:
    line = cli("pack", bundle, option, "t13").refusal(2)
    assert line.startswith(f"no {option.removeprefix('--')} of this bundle 't13'; there are ")


def test_a_bundle_without_core_ml_files_has_nothing_to_pack(
    cli: Callable[..., Any], bundle: Path
) -> None:
    assert cli("pack", bundle).refusal(1) == (
        "this part of the bundle holds no coreml file; build it with --format coreml"
    )


def test_a_bundle_that_is_being_built_is_left_alone(cli: Callable[..., Any], packed: Path) -> None:
    with (packed / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = cli("pack", packed).refusal(2)
    assert line.startswith(f"another build is at work in {packed}")


def test_what_a_killed_run_left_is_removed(cli: Callable[..., Any], packed: Path) -> None:
    folder = packed / "rvm" / "t01"
    before = sorted(folder.iterdir())
    for left in (".all-fp16.mlpackage.partial", "all-fp32.mlpackage"):
        (folder / left).mkdir()
        (folder / left / "half").touch()
    assert outcomes(cli("pack", packed, "--json")) == {RVM: "kept"}
    assert sorted(folder.iterdir()) == before


@contextlib.contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let the disk refuse what a file holds beyond a size, as a full one refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_refuses_a_package_leaves_nothing_half_written(
    cli: Callable[..., Any], packed: Path
) -> None:
    shutil.rmtree(packed / RVM)
    with largest_file(200_000):
        said = cli("pack", packed)
    assert said.code == 1
    line = said.err.splitlines()[0]
    merged = f"coremltools could not merge matte, matte_portrait into {packed / RVM} ("
    assert line.startswith(f"failed: {RVM}: {merged}")
    assert line.endswith("); free some space, or build them again")
    assert listed(packed) == []
    assert not list(packed.rglob("*all-fp16*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_packing_is_never_taken_for_whole_and_goes_on_later(
    cli: Callable[..., Any],
    packed: Path,
    root: Path,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(STALL)
    shutil.rmtree(packed / RVM)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "pack", str(packed)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(root)))},
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = packed / "rvm" / "t01" / ".all-fp16.mlpackage.partial" / "Manifest.json"
    end = time.monotonic() + PATIENCE_SECONDS
    while not (tmp_path / "stalled").exists() and process.poll() is None:
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s for a half-written package"
        time.sleep(0.02)
    assert partial.exists()
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code, said
    assert partial.exists() == (number == signal.SIGKILL)
    assert listed(packed) == []
    assert not (packed / RVM).exists()
    assert outcomes(cli("pack", packed, "--json")) == {RVM: "packed"}
    assert not partial.exists()
