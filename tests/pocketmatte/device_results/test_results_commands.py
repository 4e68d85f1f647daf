"""The three commands: what they print, what they write, how they end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pocketmatte.device_results.made import emulated, kept, made, samples, tree, written

CLI = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_good_results_are_added_and_bad_ones_are_told_in_a_line_each(
    cli: CLI, tmp_path: Path, store: Path
) -> None:
    written(tmp_path / "in" / "a.json", made())
    written(tmp_path / "in" / "b.json", {"no": "result"})
    (tmp_path / "in" / "c.json").write_text("{")
    said = cli("results-add", tmp_path / "in", "--store", store)
    assert (said.code, said.out) == (1, "")
    first, second, last = said.err.splitlines()
    assert first.startswith(f"refused: {tmp_path}/in/b.json: no result: ")
    assert second.startswith(f"refused: {tmp_path}/in/c.json: no result: the whole file: ")
    assert last.startswith("1 added, 0 known, 2 refused; ")
    assert len(tree(store)) == 2


def test_added_as_json(cli: CLI, tmp_path: Path, store: Path) -> None:
    file = written(tmp_path / "a.json", made())
    said = cli("results-add", file, "--store", store, "--json")
    digest = kept(made()).sha256
    assert said.code == 0
    assert said.json() == {
        "added": [f"android/b/rvm/t04/executorch/fp32/{digest}.json"],
        "known": 0,
        "refused": [],
        "damaged": [],
        "total": 1,
    }
    assert cli("results-add", file, "--store", store, "--json").json()["known"] == 1


def test_a_bundle_that_is_none_adds_nothing(cli: CLI, tmp_path: Path, store: Path) -> None:
    file = written(tmp_path / "a.json", made())
    said = cli("results-add", file, "--store", store, "--bundle", tmp_path)
    assert "holds no manifest.json" in said.refusal(2)
    assert not store.exists()


def test_a_missing_file_is_wrong_use(cli: CLI, tmp_path: Path, store: Path) -> None:
    assert "is missing; give" in cli("results-add", tmp_path / "no", "--store", store).refusal(2)
    assert "holds no results-index.json" in cli("results-list", "--store", tmp_path).refusal(2)


def test_the_list_is_by_process_and_shows_no_emulated_latency(
    cli: CLI, tmp_path: Path, store: Path
) -> None:
    hostile = "\x1b[2J\u202ePixel"
    phone = made("one", None, lambda r: r["device"].update(model=hostile))
    files = [
        written(tmp_path / f"{i}.json", r)
        for i, r in enumerate((emulated("two", 5_000_000), phone))
    ]
    assert cli("results-add", *files, "--store", store).code == 0
    said = cli("results-list", "--store", store)
    assert said.code == 0
    head, shell, last = said.out.splitlines()
    assert head.split()[0] == "process"
    assert shell.startswith("adb_shell  A ?[2J?Pixel")
    assert last.split()[:2] == ["emulated", "linux"]
    assert last.split()[-6:] == ["-", "-", "-", "99.00", "5.00", "two"]
    rows = cli("results-list", "--store", store, "--json").json()["results"]
    assert [(row["process"], row["p50_ms"] is None) for row in rows] == [
        ("adb_shell", False), ("emulated", True),
    ]  # fmt: skip


def test_a_list_names_what_is_damaged(cli: CLI, tmp_path: Path, store: Path) -> None:
    cli("results-add", written(tmp_path / "a.json", made()), "--store", store)
    (store / "stray.json").write_text("{}")
    said = cli("results-list", "--store", store)
    assert said.code == 1
    assert "damaged: " in said.err


def test_a_regression_ends_with_1_and_comes_first(cli: CLI, tmp_path: Path) -> None:
    for model, scale in (("P", 1.0), ("Q", 1.2), ("R", 1.5)):

        def at(result: dict[str, Any], name: str = model) -> None:
            result["device"]["model"] = name

        written(tmp_path / "old" / f"{model}.json", made("one", samples(1), at))
        written(tmp_path / "new" / f"{model}.json", made("two", samples(2, scale=scale), at))
    said = cli("results-compare", tmp_path / "old", tmp_path / "new")
    assert said.code == 1
    rows = [line.split() for line in said.out.splitlines()[1:]]
    slower = [row for row in rows if row[1] == "slower"]
    assert rows[: len(slower)] == slower
    assert {row[9] for row in slower} == {"Q", "R"}
    ratios = [float(row[6]) for row in slower]
    assert ratios == sorted(ratios, reverse=True)
    assert "3 pair(s) compared: " in said.err
    result = cli("results-compare", tmp_path / "old", tmp_path / "new", "--json").json()
    pairs = result["comparison"]["compared"]
    assert [pair["device"] for pair in pairs] == ["A Q", "A R", "A P"]
    assert result["regressions"] == sum(f["regression"] for pair in pairs for f in pair["figures"])


def test_no_regression_ends_with_0(cli: CLI, tmp_path: Path) -> None:
    old = written(tmp_path / "old.json", made("one", samples(1, 300)))
    new = written(tmp_path / "new.json", made("two", samples(2, 300)))
    said = cli("results-compare", old, new)
    assert said.code == 0
    assert said.out.splitlines()[1].split()[:2] == ["p50", "same"]


def test_runs_of_one_store_are_compared_by_name(cli: CLI, tmp_path: Path, store: Path) -> None:
    for run, scale in (("monday-rvm", 1.0), ("tuesday-rvm", 1.3)):
        file = written(tmp_path / f"{run}.json", made(run, samples(len(run), scale=scale)))
        assert cli("results-add", file, "--store", store).code == 0
    words = ("results-compare", store, "--before", "monday", "--after", "tuesday")
    assert cli(*words).code == 1
    assert cli(*words, "--smallest", 50).code == 0
    back = ("results-compare", store, "--before", "tuesday", "--after", "monday")
    assert cli(*back).code == 0
    missing = cli("results-compare", store, "--before", "monday", "--after", "sunday").refusal(2)
    assert missing == "--after is sunday; the store has no such run; the newest is tuesday-rvm"


def test_one_store_without_names_is_wrong_use(cli: CLI, tmp_path: Path) -> None:
    for words in ((), ("--before", "a"), ("--after", "a")):
        assert "give AFTER, or both" in cli("results-compare", tmp_path, *words).refusal(2)


def test_a_smallest_change_of_nothing_is_wrong_use(cli: CLI, tmp_path: Path) -> None:
    old, new = (written(tmp_path / f"{run}.json", made(run)) for run in ("one", "two"))
    assert "--smallest is 0" in cli("results-compare", old, new, "--smallest", "0").refusal(2)
    assert "--smallest is nan" in cli("results-compare", old, new, "--smallest", "nan").refusal(2)


def test_where_nothing_could_be_compared_the_check_failed(cli: CLI, tmp_path: Path) -> None:
    old = written(tmp_path / "old.json", made())
    new = written(tmp_path / "new.json", emulated("two"))
    said = cli("results-compare", old, new)
    assert said.code == 1
    assert "not compared: A B rvm t04 executorch fp32, one and two: other device: " in said.err
    assert "no two runs could be compared" in said.err


def test_a_file_that_cannot_be_read_fails_the_comparison(cli: CLI, tmp_path: Path) -> None:
    old = written(tmp_path / "old.json", made("one", samples(1, 300)))
    written(tmp_path / "new" / "a.json", made("two", samples(2, 300)))
    assert cli("results-compare", old, tmp_path / "new").code == 0
    (tmp_path / "new" / "b.json").write_text("{")
    said = cli("results-compare", old, tmp_path / "new")
    assert said.code == 1
    assert "refused: " in said.err
    assert "no result" in cli("results-compare", old, tmp_path / "new" / "b.json").refusal(1)


def test_help_teaches_with_examples(cli: CLI) -> None:
    for command in ("results-add", "results-list", "results-compare"):
        assert f"pocketmatte {command} " in cli(command, "--help").out
