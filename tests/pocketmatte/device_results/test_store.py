"""A store holds each result once, at a place that follows from it, whatever happens around it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.device_results.adding import Added, add, files_of
from pocketmatte.device_results.store import (
    INDEX_NAME,
    chosen_runs,
    lay_in,
    place,
    read_store,
)
from tests.pocketmatte.device_results.made import emulated, kept, made, tree, written
from tiers.errors import BundleError, UsageError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def added(folder: Path, store: Path, *results: dict[str, Any]) -> Added:
    files = [written(folder / f"{i}.json", result) for i, result in enumerate(results)]
    return add(files, store)


def index(store: Path) -> Any:
    return json.loads((store / INDEX_NAME).read_text())


def named(model: str | None) -> dict[str, Any]:
    return made("one", None, lambda r: r["device"].update(model=model))


def test_a_result_lies_where_it_says_it_is_from(tmp_path: Path, store: Path) -> None:
    result = made("one", None, lambda r: r["device"].update(model="Pixel 8 Pro"))
    (path,) = added(tmp_path / "in", store, result).added
    assert path == f"android/pixel-8-pro/rvm/t04/executorch/fp32/{kept(result).sha256}.json"
    assert json.loads((store / path).read_text()) == result


def test_the_index_holds_a_row_for_each_in_the_order_of_places(tmp_path: Path, store: Path) -> None:
    added(tmp_path / "in", store, named("B"), named("A"), emulated("two", 7))
    rows = index(store)["results"]
    assert [row["path"].split("/")[1] for row in rows] == ["a", "b", "unknown"]
    assert [row["latency"] for row in rows] == ["valid", "valid", "emulated"]
    assert [row["instructions_per_frame"] for row in rows] == [None, None, 7]
    assert rows[0]["p50_ms"] == pytest.approx(5.0, rel=0.05)
    assert rows[2]["p50_ms"] is None  # of an emulated processor: no latency


def test_the_order_of_adding_leaves_no_trace(tmp_path: Path) -> None:
    results = [named("A"), named("B"), made("two"), emulated("three")]
    one, other = tmp_path / "one", tmp_path / "other"
    added(tmp_path / "in", one, *results)
    for result in reversed(results):
        added(tmp_path / "in", other, result)
    assert tree(one) == tree(other)
    assert len(tree(one)) == 5


def test_what_is_known_is_passed_over_however_it_is_written(tmp_path: Path, store: Path) -> None:
    result = made()
    added(tmp_path / "in", store, result)
    before = tree(store)
    again = added(tmp_path / "again", store, dict(reversed(result.items())))
    assert (again.added, again.known, again.refused, again.total) == ((), 1, (), 1)
    assert tree(store) == before


def test_a_known_run_with_other_content_is_refused_and_the_rest_is_added(
    tmp_path: Path, store: Path
) -> None:
    changed = made("one", None, lambda r: r["memory"].update(peak_bytes=1))
    found = added(tmp_path / "in", store, made(), changed, made("two"))
    assert len(found.added) == 2
    (line,) = found.refused
    assert line.startswith(f"{tmp_path}/in/1.json: run one of this device is known with other")


def test_a_run_of_one_name_on_several_devices_is_several_runs(tmp_path: Path, store: Path) -> None:
    assert len(added(tmp_path / "in", store, named("A"), named("B")).added) == 2


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("../../etc", "etc"), ("..", "unknown"), ("", "unknown"), (None, "unknown"),
        ("A/B\\C", "a-b-c"), ("\u202e\u4e2d", "unknown"), ("iPhone16,2", "iphone16-2"),
        ("x" * 99, "x" * 40), (".lock", "lock"), ("a\0b", "a-b"),
    ],
)  # fmt: skip
def test_no_model_names_a_folder_elsewhere(model: str | None, folder: str) -> None:
    assert place(kept(named(model))).split("/")[:2] == ["android", folder]


def test_stores_are_merged_by_adding_one_to_the_other(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    added(tmp_path / "in", one, named("A"), named("B"))
    added(tmp_path / "in", other, named("B"), named("C"))
    merged = add(files_of([other]), one)
    assert (len(merged.added), merged.known, merged.refused, merged.total) == (1, 1, (), 3)


def test_folders_are_searched_but_for_links_and_hidden_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    real = written(folder / "deep" / "a.json", made())
    written(folder / ".a.json.fetched.json", made())
    written(folder / ".hidden" / "a.json", made())
    (folder / "link.json").symlink_to(real)
    (folder / "note.txt").write_text("no result")
    assert files_of([folder, real]) == [real]


def test_a_folder_without_results_and_a_missing_file_are_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no \*\.json"):
        files_of([tmp_path])
    with pytest.raises(UsageError, match="is missing; give results"):
        files_of([tmp_path / "gone.json"])


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path: Path, store: Path) -> None:
    (store / "photos").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"holds photos and no results-index\.json; choose"):
        added(tmp_path / "in", store, made())
    assert [part.name for part in store.iterdir()] == ["photos"]


def test_a_file_in_the_place_of_the_store_is_wrong_use(tmp_path: Path, store: Path) -> None:
    store.write_text("mine")
    with pytest.raises(UsageError, match="is a file or lies below one"):
        added(tmp_path / "in", store, made())
    assert store.read_text() == "mine"


def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_kept(
    tmp_path: Path, store: Path
) -> None:
    added(tmp_path / "in", store, made())
    (tmp_path / "precious").write_text("mine")
    (store / ".lock").unlink()
    (store / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(BundleError, match=r"could not write .*\.lock"):
        added(tmp_path / "in", store, made("two"))
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_link_in_the_store_that_leads_outside_is_not_followed(
    tmp_path: Path, store: Path
) -> None:
    added(tmp_path / "in", store, emulated())
    outside = tmp_path / "outside"
    outside.mkdir()
    (store / "android").symlink_to(outside)
    with pytest.raises(BundleError, match=r"leads outside the store .*; remove the symbolic link"):
        added(tmp_path / "in", store, made())
    assert list(outside.iterdir()) == []
    assert read_store(store).faults == {
        "android": "android: a symbolic link; a store holds files only"
    }


def test_a_damaged_file_is_told_left_out_of_the_index_and_mended(
    tmp_path: Path, store: Path
) -> None:
    (path,) = added(tmp_path / "in", store, made()).added
    whole = (store / path).read_text()
    (store / path).write_text(whole.replace('"peak_bytes":100000000', '"peak_bytes":1'))
    found = added(tmp_path / "in", store, made("two"))
    assert [line.partition(":")[2] for line in found.damaged] == [
        " not the file that was added; add it again from where it came"
    ]
    assert [row["run_id"] for row in index(store)["results"]] == ["two"]
    mended = added(tmp_path / "in", store, made())
    assert (mended.added, mended.damaged, mended.total) == ((path,), (), 2)
    assert (store / path).read_text() == whole


def test_a_truncated_file_of_the_store_is_told(tmp_path: Path, store: Path) -> None:
    (path,) = added(tmp_path / "in", store, made()).added
    os.truncate(store / path, 100)
    shelf = read_store(store)
    assert shelf.kept == {}
    assert "no result" in shelf.faults[path]


def test_what_is_no_store_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no results-index\.json; give a folder"):
        read_store(tmp_path)


def test_a_full_disk_leaves_whole_files_only(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[str] = []

    def filling(folder: Path, result: Any) -> str:
        if len(laid) == 1:
            monkeypatch.setattr(os, "fsync", full)
        laid.append(lay_in(folder, result))
        return laid[-1]

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pocketmatte.device_results.adding.lay_in", filling)
    with pytest.raises(BundleError, match="No space left on device"):
        added(tmp_path / "in", store, named("A"), named("B"))
    monkeypatch.undo()
    assert list(read_store(store).kept) == laid
    assert not list(store.rglob("*.partial"))
    assert added(tmp_path / "in", store, named("A"), named("B")).total == 2
    assert len(index(store)["results"]) == 2


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path, store: Path) -> None:
    (path,) = added(tmp_path / "in", store, made()).added
    half = (store / path).with_name(f".{'0' * 64}.json.partial")
    half.write_text("{")
    assert read_store(store).faults == {}
    added(tmp_path / "in", store, made("two"))
    assert not half.exists()


def test_runs_are_chosen_by_name_or_by_what_names_begin_with() -> None:
    results = [kept(made(run)) for run in ("a", "a-rvm", "a-stfam", "b")]

    def names(run: str) -> list[str]:
        return [each.result.run_id for each in chosen_runs(results, run, "--before")]

    assert names("a") == ["a"]
    assert names("a-rvm") == ["a-rvm"]
    results.pop(0)
    assert names("a") == ["a-rvm", "a-stfam"]
    with pytest.raises(UsageError, match=r"--before is a-; the store has no such run; the newest"):
        names("a-")
