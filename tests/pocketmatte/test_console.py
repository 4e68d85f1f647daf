import dataclasses
import math
from pathlib import Path

import pytest
import typer

from pocketmatte.console import Done, chosen, emit, finish, note, relative, require_at_least, table
from pocketmatte.results import plain, write_results
from tiers.errors import UsageError

KNOWN = ("t01", "t02", "t03")


@pytest.mark.parametrize(
    ("text", "names"),
    [("all", KNOWN), ("t02", ("t02",)), ("t03, t01", ("t03", "t01")), ("t01,t01", ("t01",))],
)
def test_names_are_chosen_in_their_order_and_once(text: str, names: tuple[str, ...]) -> None:
    assert chosen(text, KNOWN, "tier") == names


@pytest.mark.parametrize(
    ("text", "wrong"), [("t04", "t04"), ("", ""), ("t01,,t02", ""), ("T01", "T01")]
)
def test_an_unknown_name_is_refused_with_the_known_ones(text: str, wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(text, KNOWN, "tier")
    assert str(caught.value) == f"no tier {wrong!r}; there are t01, t02, t03, or all"


def test_a_number_below_the_least_is_refused() -> None:
    require_at_least("--runs", 5, 5)
    with pytest.raises(UsageError, match=r"^--runs is 4; it must be 5 or more$"):
        require_at_least("--runs", 4, 5)


def test_json_goes_to_stdout_alone_and_a_note_is_one_line_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit({"path": Path("a"), "psnr_db": math.inf}, table("", ("x",), [(1,)]), as_json=True)
    note("word " * 60 + "\n[bold]:smile:")
    out, err = capsys.readouterr()
    assert out == '{\n "path": "a",\n "psnr_db": null\n}\n'
    assert err == "word " * 60 + "[bold]:smile:\n"


def test_a_table_shows_numbers_to_the_right_and_paths_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("clips/[b]one", 1.23456789, None), ("two", 20, "3.00x")]
    emit(rows, table("", ("file", "ms", "x torch"), rows), as_json=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[-3:] == [
        "file             ms  x torch",
        "clips/[b]one  1.235        -",
        "two              20    3.00x",
    ]


def test_a_failed_check_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    finish(Done(result=1), as_json=True)
    with pytest.raises(typer.Exit) as ended:
        finish(Done(result=2, passed=False), as_json=True)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().out == "1\n2\n"


def test_a_path_below_the_working_folder_is_shown_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert relative(tmp_path / "build" / "x") == "build/x"
    assert relative(tmp_path.parent) == str(tmp_path.parent)


@dataclasses.dataclass
class Figure:
    name: str
    values: tuple[float, ...]


def test_results_become_plain_and_are_written_whole(tmp_path: Path) -> None:
    figure = Figure("alpha", (1.0, math.nan, math.inf))
    assert plain({1: figure, "path": tmp_path}) == {
        "1": {"name": "alpha", "values": [1.0, None, None]},
        "path": str(tmp_path),
    }
    path = write_results(tmp_path, "parity", {"b": figure, "a": True})
    assert path == tmp_path / "results" / "parity.json"
    assert path.read_text().startswith('{\n "a": true,\n "b": {\n')
    assert [each.name for each in path.parent.iterdir()] == ["parity.json"]
