"""Damaged and hostile bundles and results are refused, each with its reason."""

import json
import os
from pathlib import Path

import pytest

from pocketmatte.selection.evidence import read_run, read_runs
from pocketmatte.selection.lock import files_of
from tests.pocketmatte.selection.shipped import (
    device_result,
    locked,
    write_bundle,
    write_json,
    write_results,
)
from tiers.contract_table import PROGRAMS
from tiers.errors import PocketMatteError


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """Return a bundle of one network in all tiers."""
    return write_bundle(tmp_path / "one", recipes=("fp16",))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "brackets"),
        (b"null", "not an object"),
        (b'{"schema_version": NaN}', "NaN, which JSON has not"),
        (b'{"schema_version": 1}', "it is missing"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}", "no JSON"),
    ],
)
@pytest.mark.parametrize("name", ["manifest.json", "results/parity.json", "results/latency.json"])
def test_a_damaged_file_of_a_bundle_is_refused(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",))
    (root / name).write_bytes(data)
    with pytest.raises(PocketMatteError, match=said):
        locked(root)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("path", "../outside.pte", "leads outside"),
        ("path", "/etc/passwd", "leads outside"),
        ("path", "rvm\\t01", "leads outside"),
        ("path", "a\x00b", "must match"),
        ("path", "", "leads outside"),
        ("path", "./a", "leads outside"),
        ("recipe", "fp16\x1b[2J", "must match"),
        ("sha256", "F" * 64, "must match"),
        ("size_bytes", -1, "0 or more"),
        ("size_bytes", True, "not a whole number"),
        ("tier", "t13", "has not"),
        ("network", "unknown", "has not"),
        ("frame", {"orientation": "upright"}, "there are 'landscape', 'portrait'"),
    ],
)
def test_a_hostile_manifest_is_refused(
    tmp_path: Path, field: str, value: object, said: str
) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",))
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["artifacts"][0][field] = value
    write_json(root / "manifest.json", manifest)
    with pytest.raises(PocketMatteError, match=said):
        locked(root)


def test_a_file_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",))
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["artifacts"].append(manifest["artifacts"][0])
    write_json(root / "manifest.json", manifest)
    with pytest.raises(PocketMatteError, match="twice"):
        locked(root)


def test_a_file_that_a_link_leads_outside_is_refused(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", tiers=("t01",))
    path = root / "rvm" / "t01" / "matte-fp16.pte"
    outside = tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(PocketMatteError, match="leads outside"):
        locked(root)


@pytest.mark.parametrize("program", PROGRAMS["propagation"])
def test_each_file_of_a_folder_is_looked_at_for_links(tmp_path: Path, program: str) -> None:
    root = write_bundle(tmp_path / "bundle", networks=("propagation",), tiers=("t01",))
    path = root / "propagation" / "t01" / f"{program}-fp16.pte"
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(PocketMatteError, match=rf"{program}-fp16\.pte' leads outside"):
        locked(root)


def test_a_folder_that_a_link_leads_outside_is_refused(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", networks=("propagation",), tiers=("t01",))
    folder = root / "propagation" / "t01"
    folder.rename(tmp_path / "outside")
    folder.symlink_to(tmp_path / "outside")
    with pytest.raises(PocketMatteError, match="leads outside"):
        locked(root)


def test_a_link_back_inside_does_not_vouch_for_its_folder(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", networks=("propagation",), tiers=("t01",))
    folder = root / "propagation" / "t01"
    first, *_ = sorted(folder.glob("*-fp16.pte"))
    first.rename(root / "kept")
    folder.rename(tmp_path / "outside")
    folder.symlink_to(tmp_path / "outside")
    first.symlink_to(root / "kept")
    with pytest.raises(PocketMatteError, match="leads outside"):
        locked(root)


def test_links_that_stay_inside_are_taken(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "bundle", networks=("propagation",), tiers=("t01",))
    for path in sorted((root / "propagation" / "t01").iterdir()):
        path.rename(root / path.name)
        path.symlink_to(root / path.name)
    assert len(files_of(locked(root))) == len(PROGRAMS["propagation"])


def test_a_result_that_denies_itself_is_refused(one: Path, tmp_path: Path) -> None:
    result = device_result(one)
    result["validity"]["thermal_ok"] = False
    with pytest.raises(PocketMatteError, match="contradicts itself: valid latencies, but thermal"):
        read_run(write_json(tmp_path / "hot.json", result))


def test_a_result_of_a_device_that_cannot_be_is_refused(one: Path, tmp_path: Path) -> None:
    result = device_result(one)
    result["device"]["ram_bytes"] = -5
    with pytest.raises(PocketMatteError, match="what no device can say: ram_bytes is -5"):
        read_run(write_json(tmp_path / "odd.json", result))


def test_a_pipe_is_no_result(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(PocketMatteError, match="is no file"):
        read_run(tmp_path / "pipe.json")


def test_one_damaged_result_among_good_ones_is_named(one: Path, tmp_path: Path) -> None:
    folder = write_results(tmp_path / "given", device_result(one), device_result(one, "t02"))
    assert len(read_runs([folder, folder / "0.json"])) == 2
    (folder / "results-index.json").write_text("{}")  # of a store
    assert len(read_runs([folder, folder / "results-index.json"])) == 2
    (folder / "deeper").mkdir()
    (folder / "deeper" / "broken.json").write_text("{")
    (folder / ".unfinished.json").write_text("{")
    (folder / ".lock").write_text("")  # of a store, for ever
    file_by_file = [folder / "0.json", folder / ".lock", folder / ".unfinished.json"]
    assert len(read_runs(file_by_file)) == 1
    with pytest.raises(PocketMatteError, match=r"broken\.json is no result"):
        read_runs([folder])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PocketMatteError, match=r"holds no \.json"):
        read_runs([tmp_path / "empty"])
