"""The quick reader of the device table reads what ``tomllib`` reads, and leaves it the rest."""

import importlib.resources
import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pocketmatte.selection import plain_toml

TABLE = importlib.resources.files("pocketmatte").joinpath("devices.toml").read_text("utf-8")
LINES = [
    "", "# words", "a = 1", "a = 01", "b = -1", "c = 1.5", 'd = "x"', 'd = "x, y"',
    'd = "\\u0041"', "d = 'x'", 'e = ["x", "y"]', 'e = ["x, y", "z"]', "e = [1, 2]", "e = []",
    'e = ["x"', "f = true", "g = [", '    { count = 2, core = "x" },', "    { count = 2 }", "]",
    '    "x", "y",', '    "x", 1', "    1,,", "[one.two]", "[one]", '[one."two three"]',
    '[one."two"]', "[[many]]", "[[one]]", "[many.x]", "[[a]]", "[a.b]", "a.b = 1",
    "a = 1 # words", "a=1", " a = 1", "a = 1979-05-27", 'h = """', "i = {x = 1}", "nope",
    "[one.two] # words", "e = [1, [2]]", "a = 99999999999999999999", 'd = "\t"', "a = 1\r",
    "# \x07", "g = [{ count = 1 }]", 'd = "é"', "    true,", "  # words,",
]  # fmt: skip


def by(read: object, text: str) -> object:
    """Return what a reader makes of a text; refusals are all alike."""
    try:
        return read(text)  # type: ignore[operator]
    except ValueError:
        return ValueError


def test_the_device_table_is_read_alike_and_without_tomllib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = tomllib.loads(TABLE)
    monkeypatch.setattr(tomllib, "loads", lambda _: pytest.fail("tomllib was needed"))
    assert plain_toml.loads(TABLE) == expected


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=9))
@example(["g = [", '    { count = 2, core = "x" },', "]", "[[g]]", "a = 1"])
@example(["[one.two]", "[[many]]", "a = 1", "[one.two]"])
@example(["g = [", "    { count = 2 }", "    { count = 2 }", "]"])
@example(["g = [", '    "x", 1', "]"])
@example(["g = [", "]", "[[g]]"])  # a list that holds nothing is whole, too
@example(["g = [", '    { count = 2, core = "x" },', '    "x", "y",', "]", "[[many]]", "[many.x]"])
def test_any_text_means_the_same(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert by(plain_toml.loads, text) == by(tomllib.loads, text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TABLE) - 1), st.characters(codec="utf-8"))
def test_the_table_with_one_letter_changed_means_the_same(place: int, letter: str) -> None:
    start = max(0, TABLE.rfind("\n\n", 0, place))
    end = TABLE.find("\n\n", place)
    part = TABLE[start:place] + letter + TABLE[place + 1 : end]
    assert by(plain_toml.loads, part) == by(tomllib.loads, part)
