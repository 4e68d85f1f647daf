import json
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.cut.rounds import Round, mask_rounds, read_script
from pocketmatte.matting.crop import Stroke
from tiers.errors import UsageError

STROKE = {"positive": True, "points": [[1, 2], [3.5, 4]]}


def script(folder: Path, content: Any) -> Path:
    path = folder / "rounds.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_script_holds_masks_strokes_and_automatic_masks(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        [{"mask": "a/first.png"}, {"frame": 4, "strokes": [STROKE]}, {"frame": 2, "auto": True}],
    )
    strokes = (Stroke(positive=True, points=((1, 2), (3.5, 4))),)
    assert read_script(path) == (
        Round(frame=0, mask=tmp_path / "a" / "first.png"),
        Round(frame=4, strokes=strokes),
        Round(frame=2),
    )


def test_undo_takes_back_the_round_before_it(tmp_path: Path) -> None:
    entries = [{"mask": "a.png"}, {"frame": 4, "strokes": [STROKE]}, {"undo": True}]
    assert read_script(script(tmp_path, entries)) == (Round(frame=0, mask=tmp_path / "a.png"),)
    twice = [{"mask": "a.png"}, {"auto": True}, {"auto": True}, {"undo": True}, {"undo": True}]
    assert len(read_script(script(tmp_path, twice))) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "the whole: Invalid JSON"),
        ({"frame": 0}, "the whole: Input should be a valid array"),
        ([], "no round is left"),
        ([{"undo": True}], "entry 0 undoes a round, but none is left"),
        ([{"frame": 3}], "entry 0 needs one of mask, strokes, auto and undo, not 0"),
        ([{"mask": "a.png", "auto": True}], "entry 0 needs one of mask, strokes, auto and undo"),
        ([{"mask": "a.png", "frame": -1}], "0.frame: Input should be greater than or equal to 0"),
        ([{"mask": "a.png", "frame": 1.5}], "0.frame: Input should be a valid integer"),
        ([{"mask": "a.png", "fram": 1}], "0.fram: Extra inputs are not permitted"),
        ([{"strokes": []}], "0.strokes: List should have at least 1 item"),
        ([{"strokes": [{"positive": True, "points": []}]}], "0.strokes.0.points: List should"),
        ('[{"strokes": [{"positive": true, "points": [[NaN, 1]]}]}]', "finite number"),
        ('[{"strokes": [{"positive": true, "points": [[1e999, 1]]}]}]', "finite number"),
        ([{"strokes": [{"positive": 1, "points": [[1, 1]]}]}], "0.strokes.0.positive: Input"),
        ([{"mask": "../a.png"}], "mask '../a.png' leads out of the script's folder"),
        ([{"mask": "/etc/a.png"}], "mask '/etc/a.png' leads out of the script's folder"),
        ([{"mask": ""}], "mask '' leads out of the script's folder"),
    ],
)
def test_a_wrong_script_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = script(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_script(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_script_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read \(No such file"):
        read_script(tmp_path / "none.json")
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(UsageError, match="a script has 16777216 at most"):
        read_script(path)


def test_masks_are_given_by_frame_in_any_order() -> None:
    given = mask_rounds(["12=late.png", "first.png", "a=b.png"][:2])
    assert given == (Round(frame=12, mask=Path("late.png")), Round(frame=0, mask=Path("first.png")))
    assert mask_rounds(["a=b.png"]) == (Round(frame=0, mask=Path("a=b.png")),)
    with pytest.raises(UsageError, match="frame 0 has a mask already"):
        mask_rounds(["a.png", "0=b.png"])
